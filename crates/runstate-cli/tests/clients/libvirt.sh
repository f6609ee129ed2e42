#!/usr/bin/env bash
# libvirt and virsh, unchanged, with the stand-in as the domain's emulator: libvirt.sh RUNSTATE STAND-IN
#
# Root, in a container of its own: it writes /etc/libvirt/qemu.conf and runs a libvirtd that needs no privileges of the
# kernel. Everything happens twice: with the stand-in's own small profile, and with one recorded from an installed QEMU.
set -euo pipefail
runstate=$1 stand_in=$2
dir=$(mktemp -d /tmp/runstate-libvirt.XXXXXX)
chmod 755 "$dir"
export LIBVIRT_DEFAULT_URI=qemu:///system
daemon='' listener=''
finish() {
  status=$?
  [ $status = 0 ] || { echo "--- libvirtd"; tail -n 20 "$dir/libvirtd.log"; echo "--- QEMU"; tail -n 5 /var/log/libvirt/qemu/standin.log; } >&2 || true
  virsh destroy standin >/dev/null 2>&1 || true
  virsh undefine standin >/dev/null 2>&1 || true
  [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
  [ -z "$daemon" ] || { kill "$daemon"; wait "$daemon" || true; } 2>/dev/null
  [ ! -e "$dir/qemu.conf" ] || cp "$dir/qemu.conf" /etc/libvirt/qemu.conf
  rm -rf "$dir"
}
trap finish EXIT

[ ! -e /etc/libvirt/qemu.conf ] || cp /etc/libvirt/qemu.conf "$dir/qemu.conf"
cat > /etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
CONF
if ! virsh version >/dev/null 2>&1; then
  printf 'auth_unix_ro = "none"\nauth_unix_rw = "none"\nlog_outputs = "3:file:%s"\n' "$dir/libvirtd.log" > "$dir/libvirtd.conf"
  touch "$dir/libvirtd.log"
  libvirtd -f "$dir/libvirtd.conf" > "$dir/out" 2>&1 &
  daemon=$!
  for _ in $(seq 100); do virsh version >/dev/null 2>&1 && break; sleep 0.1; done
fi
virsh version | tail -n 2
truncate -s 1M "$dir/disk.img"
mkdir "$dir/small" "$dir/recorded"

# domain ON_POWEROFF ON_REBOOT ON_CRASH WATCHDOG_ACTION
domain() {
  cat > "$dir/domain.xml" <<XML
<domain type='qemu'>
  <name>standin</name><uuid>11111111-2222-3333-4444-555555555555</uuid>
  <memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <on_poweroff>$1</on_poweroff><on_reboot>$2</on_reboot><on_crash>$3</on_crash>
  <pm><suspend-to-mem enabled='yes'/><suspend-to-disk enabled='yes'/></pm>
  <devices>
    <emulator>$emulator</emulator>
    <watchdog model='ib700' action='$4'/><panic model='isa'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' error_policy='stop'/><source file='$dir/disk.img'/><target dev='hda' bus='ide'/>
    </disk>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <memballoon model='none'/><controller type='usb' model='none'/>
  </devices>
</domain>
XML
  virsh define "$dir/domain.xml" >/dev/null
}
# What the guest does: an action, and its data.
guest() {
  virsh qemu-monitor-command standin "{\"execute\":\"x-guest\",\"arguments\":{\"action\":\"$1\"${2:+,\"data\":$2}}}" >/dev/null
}
# The state libvirt believes in, once it does.
state() {
  for _ in $(seq 100); do
    now=$(virsh domstate standin --reason | sed -n 1p)
    [ "$now" != "$1" ] || { echo "ok: $2 -> $1 (${SECONDS} s)"; return; }
    sleep 0.05
  done
  echo "after $2 libvirt says '$now', not '$1'" >&2
  exit 1
}
# Waits for the guest's agent, which is there again some time after a boot.
agent() {
  for _ in $(seq 100); do
    virsh qemu-agent-command standin '{"execute":"guest-ping"}' > /dev/null 2>&1 && return
    sleep 0.05
  done
  echo 'the agent does not answer' >&2
  exit 1
}
# The run state, asked of the stand-in itself.
status() {
  for _ in $(seq 100); do
    now=$(virsh qemu-monitor-command standin '{"execute":"query-status"}')
    [[ $now != *"\"status\":\"$1\""* ]] || { echo "ok: $2 -> $1 (${SECONDS} s)"; return; }
    sleep 0.05
  done
  echo "after $2 the stand-in says $now, not '$1'" >&2
  exit 1
}
# The whole of it, with the emulator of this path.
# Starts the domain. Right after its QEMU has gone, libvirt 9.0 now and then ends the new one in the place of the old: once more, then.
start() {
  for _ in 1 2 3; do
    virsh start standin >/dev/null && return
    sleep 1
  done
  return 1
}

life() {
  emulator=$1
  stdbuf -oL virsh event --loop --all > "$dir/events" 2>&1 &
  listener=$!
  domain destroy restart preserve pause
  start;    state 'running (booted)' start
  virsh suspend standin >/dev/null;  state 'paused (user)' suspend
  virsh resume standin >/dev/null;   state 'running (unpaused)' resume
  virsh reset standin >/dev/null;    state 'running (unpaused)' reset
  guest panic;                       state 'crashed (panicked)' 'a panic, on_crash=preserve'
  virsh reset standin >/dev/null
  virsh destroy standin >/dev/null;  state 'shut off (destroyed)' destroy
  start
  guest suspend;                     state 'pmsuspended (unknown)' 'the guest sleeping'
  virsh dompmwakeup standin >/dev/null; state 'running (event wakeup)' dompmwakeup
  agent; virsh dompmsuspend standin mem >/dev/null; state 'pmsuspended (unknown)' 'dompmsuspend mem'
  virsh dompmwakeup standin >/dev/null; state 'running (event wakeup)' dompmwakeup
  # The disk fails, and libvirt told QEMU to stop then.
  guest io-error '{"device":"","node-name":"libvirt-1-format","qom-path":"ide0-0-0","operation":"write","action":"stop","reason":"No space left on device"}'
                                     state 'paused (I/O error)' 'an I/O error'
  virsh resume standin >/dev/null;   state 'running (unpaused)' 'resume after the I/O error'
  # libvirt's reboot: the guest is asked to power off, and when it does the domain starts again.
  virsh reboot standin --mode acpi >/dev/null
  guest shutdown;                    status running 'reboot and the guest shutting down'
  agent; virsh reboot standin --mode agent >/dev/null; status running 'reboot by the agent'
  guest watchdog;                    state 'paused (watchdog)' 'the watchdog, action=pause'
  virsh resume standin >/dev/null
  virsh shutdown standin --mode acpi >/dev/null
  guest shutdown;                    state 'shut off (shutdown)' 'shutdown and the guest obeying'
  start
  agent; virsh shutdown standin --mode agent >/dev/null; state 'shut off (shutdown)' 'shutdown by the agent'
  start
  agent; virsh dompmsuspend standin disk >/dev/null; state 'shut off (shutdown)' 'dompmsuspend disk'
  domain restart restart restart reset
  start
  guest shutdown;                    state 'running (booted)' 'the guest shutting down, on_poweroff=restart'
  guest panic;                       state 'running (crashed)' 'a panic, on_crash=restart'
                                     status running 'that restart'
  guest watchdog;                    status running 'the watchdog, action=reset'
  virsh destroy standin >/dev/null
  domain destroy destroy destroy poweroff
  start
  guest reset;                       state 'shut off (shutdown)' 'the guest resetting, on_reboot=destroy'
  start
  guest panic;                       state 'shut off (crashed)' 'a panic, on_crash=destroy'
  start
  guest watchdog;                    state 'shut off (crashed)' 'the watchdog, action=poweroff'
  virsh undefine standin >/dev/null
  sleep 0.3
  for event in 'Started Booted' 'Suspended Paused' 'Resumed Unpaused' "'reboot'" 'Crashed Panicked' 'Stopped Destroyed' \
    "'pm-suspend'" "'pm-wakeup'" "'pm-suspend-disk'" "'watchdog' for domain 'standin': pause" "'watchdog' for domain 'standin': reset" \
    "'io-error'" 'Suspended I/O Error' "'agent-lifecycle'" 'Shutdown Finished after guest request' 'Stopped Shutdown'; do
    grep -q -- "$event" "$dir/events" || { echo "no event: $event" >&2; cat "$dir/events" >&2; exit 1; }
  done
  kill "$listener"
  listener=''
}

# The name decides the release. With a file beside it that is a profile, its answers are taken; otherwise its own.
echo '--- with the small profile'
cp "$stand_in" "$dir/small/qemu-system-runstate-7.2"
life "$dir/small/qemu-system-runstate-7.2"
echo '--- with a recorded profile'
cp "$stand_in" "$dir/recorded/qemu-system-runstate-7.2"
"$runstate" profile record --qemu "$(command -v qemu-system-x86_64)" -o "$dir/recorded/qemu-system-runstate-7.2.profile.gz"
life "$dir/recorded/qemu-system-runstate-7.2"
echo "libvirt: ok"
