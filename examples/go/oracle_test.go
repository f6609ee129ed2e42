// A property test of a small daemon against QEMU's behaviour: go test.
//
// `runstate oracle` says what QEMU would do; $RUNSTATE names the tool where it is not in $PATH.
package oracle

import (
	"bufio"
	"encoding/json"
	"math/rand"
	"os"
	"os/exec"
	"testing"
	"testing/quick"
)

// Answer is what came of a step.
type Answer struct {
	Messages []struct {
		Event string `json:"event"`
		Data  struct {
			Reason string `json:"reason"`
		} `json:"data"`
	} `json:"messages"`
	State      string `json:"state"`
	Exit       any    `json:"exit"`
	Impossible string `json:"impossible"`
}

type oracle struct {
	in  *json.Encoder
	out *bufio.Scanner
}

func start(t *testing.T) *oracle {
	tool := os.Getenv("RUNSTATE")
	if tool == "" {
		tool = "runstate"
	}
	command := exec.Command(tool, "oracle")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); command.Wait() })
	return &oracle{json.NewEncoder(in), bufio.NewScanner(out)}
}

func (o *oracle) ask(t *testing.T, line map[string]any) (answer Answer) {
	if err := o.in.Encode(line); err != nil {
		t.Fatal(err)
	}
	if !o.out.Scan() {
		t.Fatal("no answer")
	}
	if err := json.Unmarshal(o.out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// ANCHOR: property

// stoppedByUs is the code under test: was it the monitor's quit that stopped the VM?
func stoppedByUs(reason string) bool { return reason == "host-qmp-quit" }

// stoppedByUsByHearsay is what one large project's daemon asks instead. No QEMU says "quit".
func stoppedByUsByHearsay(reason string) bool { return reason == "quit" }

var steps = []map[string]any{
	{"send": map[string]any{"execute": "stop"}},
	{"send": map[string]any{"execute": "cont"}},
	{"send": map[string]any{"execute": "system_reset"}},
	{"send": map[string]any{"execute": "quit"}},
	{"guest": "shutdown"},
	{"guest": "reset"},
	{"guest": "panic"},
	{"host": "signal"},
}

// knows makes a random life of a VM and tells whether the code under test always knew who ended it.
func knows(t *testing.T, o *oracle, byUs func(string) bool) func(seed int64) bool {
	return func(seed int64) bool {
		random := rand.New(rand.NewSource(seed))
		o.ask(t, map[string]any{"release": "10.0", "qemu": []string{}})
		for i := 0; i < 12; i++ {
			step := steps[random.Intn(len(steps))]
			answer := o.ask(t, step)
			send, _ := step["send"].(map[string]any)
			for _, message := range answer.Messages {
				ours := send != nil && send["execute"] == "quit"
				if message.Event == "SHUTDOWN" && byUs(message.Data.Reason) != ours {
					return false
				}
			}
			if answer.Exit != nil {
				break
			}
		}
		return true
	}
}

// ANCHOR_END: property

func TestWhoStopsAVMIsKnown(t *testing.T) {
	if err := quick.Check(knows(t, start(t), stoppedByUs), nil); err != nil {
		t.Error(err)
	}
}

func TestHearsayIsFoundOut(t *testing.T) {
	if err := quick.Check(knows(t, start(t), stoppedByUsByHearsay), nil); err == nil {
		t.Error("a daemon that waits for \"quit\" passed")
	}
}
