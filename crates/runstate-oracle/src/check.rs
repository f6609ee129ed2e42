//! Could a QEMU have said this?
//!
//! A [`Checker`] takes the records of a log ([`crate::log`]) and keeps, for every VM in it, every state of every release that could
//! have said what was heard; what the guest and the host did in between is inferred. What is left at the end is the verdict.
//!
//! The launch options, `set-action` and everything else that a log does not show are free, and so is how many things the guest, the
//! host and a client did before one pass of the main loop. What is not followed, and passes: events of other subsystems, and what
//! commands were sent.

mod account;
mod automaton;
mod deed;
mod explain;
mod hear;
mod letter;
mod passes;
mod subsets;
mod word;

use std::collections::{BTreeSet, VecDeque};

use runstate::{MigrationStatus, Release, RunState};

use crate::log::{EventKind, Heard, Record, TroubleKind, VmId};
use hear::Said;
pub use letter::Letter;
use passes::Passes;
use subsets::{NONE, START, Set, Subsets};

/// So many letters of each VM are kept to be explained.
pub const EXPLAINED: usize = 1000;

/// So many contradictions of each VM are kept; all are counted.
const KEPT: usize = 16;

/// Checks a log.
#[derive(Debug)]
pub struct Checker {
    wanted: Wanted,
    subsets: Subsets,
    /// By their numbers.
    vms: Vec<Option<Box<Followed>>>,
    /// Of how many an event was emitted of which only the kind is known.
    emitted: usize,
}

/// What is to be explained of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// The last letters.
    End,
    /// The letters from this line on.
    From(u64),
    All,
}

/// One VM as it is followed.
#[derive(Debug)]
struct Followed {
    set: Set,
    /// The last letters heard, with the set before each.
    trail: VecDeque<(Set, Letter, u64)>,
    /// What was told of the letters before those, and how many they were.
    account: Vec<Happened>,
    accounted: u64,
    letters: u64,
    contradictions: Vec<Contradiction>,
    count: u64,
    passes: Passes,
    /// Whether MIGRATION has told of a migration, so that the log does not begin in the middle of one.
    migrates: bool,
    /// The run state by QEMU's trace, where the log has it.
    traced: Option<RunState>,
    /// An event of which only the kind is known so far, with its line and byte.
    emitted: Option<(EventKind, u64, u64)>,
}

/// Something that cannot have been said.
#[derive(Clone, Debug, PartialEq)]
pub struct Contradiction {
    /// The line, from 1.
    pub line: u64,
    /// The byte of the log, from 0.
    pub offset: u64,
    /// What was heard.
    pub heard: String,
    /// Why it cannot be, where that is a matter of the message alone.
    pub why: Option<String>,
    /// The run states the VM can have been in.
    pub believed: BTreeSet<RunState>,
    /// Whether QEMU must have gone by then.
    pub gone: bool,
    /// The releases that were possible up to there.
    pub releases: BTreeSet<Release>,
    /// What could have come instead.
    pub could_come: BTreeSet<Letter>,
}

/// What is known of one VM at the end.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which VM.
    pub vm: VmId,
    /// How many things were heard that say something about the run state.
    pub letters: u64,
    /// How many of them, and of the malformed ones, cannot have been said.
    pub contradictions: u64,
    /// The first of those.
    pub first: Vec<Contradiction>,
    /// The releases that can have said all of it; empty where there is a contradiction.
    pub releases: BTreeSet<Release>,
    /// The run states in which the VM can be.
    pub states: BTreeSet<RunState>,
    /// Whether QEMU must have gone.
    pub gone: bool,
    /// The shortest account of what happened; of the last [`EXPLAINED`] letters, of so many from where [`Checker::explain_from`]
    /// says, or of all.
    pub explanation: Vec<Happened>,
    /// How many letters it accounts for: fewer than `letters` where the log is longer, or a new client begins anew.
    pub explained: u64,
}

/// A piece of an explanation.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// Before the first thing heard: the state of the VM, and its options.
    Begins {
        /// Its run state.
        state: RunState,
        /// QEMU's options that matter.
        options: String,
    },
    /// Somebody did this; nobody heard of it but by what follows.
    Inferred(String),
    /// This was heard.
    Heard {
        /// The line.
        line: u64,
        /// What.
        letter: Letter,
    },
}

impl Verdict {
    /// Whether a QEMU can have said all of it.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        self.contradictions == 0
    }
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// A checker that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            wanted: Wanted::End,
            subsets: Subsets::new(),
            vms: Vec::new(),
            emitted: 0,
        }
    }

    /// Leaves the account out: to find it takes longer than to check the log.
    pub const fn explain_nothing(&mut self) {
        self.wanted = Wanted::Nothing;
    }

    /// What is to be explained: what is heard from this line on, and not the end of the log.
    pub const fn explain_from(&mut self, line: u64) {
        self.wanted = Wanted::From(line);
    }

    /// All of it is to be explained, however long it is. What was heard is kept for that, and so is the account: memory grows with
    /// the log.
    ///
    /// Of each thousand letters the shortest way is found, and the first half of it is kept: what comes later than that seldom
    /// says anything about it. Where it does, the account begins anew.
    pub const fn explain_all(&mut self) {
        self.wanted = Wanted::All;
    }

    /// Takes a record.
    pub fn hear(&mut self, record: &Record<'_>) {
        if self.emitted > 0 {
            self.after_emitted(record);
        }
        if let Heard::Emitted { kind: Some(kind), .. } = record.what {
            self.vm(record.vm).emitted = Some((kind, record.line, record.offset));
            self.emitted += 1;
            return;
        }
        let said = match &record.what {
            Heard::Event(event) => hear::event(event),
            Heard::Reply(reply) => hear::reply(&reply.outcome),
            Heard::Greeting(greeting) => {
                let [major, minor, micro] = greeting.version.map(u64::from);
                return self.greeted(record, Release::from_version(major, minor, micro));
            }
            Heard::RunStateSet { from, to } => return self.traced(record, from, to),
            // A new process: nothing is known of it.
            Heard::Launched(_) => {
                self.cut(record.vm);
                let followed = self.vm(record.vm);
                (followed.set, followed.migrates, followed.traced) = (START, false, None);
                followed.passes = Passes::Unknown;
                return;
            }
            Heard::Emitted { .. }
            | Heard::Command(_)
            | Heard::Connected
            | Heard::Disconnected
            | Heard::Exited(_)
            | Heard::Acted { .. } => return,
            Heard::Trouble(trouble) => return self.missed(record.vm, trouble.kind),
        };
        match said {
            Said::Nothing => {}
            Said::One(letter) => {
                if !self.known(record.vm, letter) {
                    self.letters(record, &[letter]);
                }
            }
            Said::OneOf(letters) => self.letters(record, &letters),
            Said::Pass(pass) => self.passed(record, pass),
            Said::Wrong(why) => self.contradicts(record, String::new(), Some(why)),
        }
    }

    /// What could not be read may have been anything: what is known of the release is all that is left.
    fn missed(&mut self, vm: VmId, kind: TroubleKind<'_>) {
        match kind {
            TroubleKind::NotAMessage
            | TroubleKind::Malformed(_)
            | TroubleKind::Cut
            | TroubleKind::TooLong => {}
            TroubleKind::UnknownFormat
            | TroubleKind::BinaryTrace
            | TroubleKind::NotQmp
            | TroubleKind::WrongType { .. }
            | TroubleKind::TooManyVms => return,
        }
        if self.vms.get(vm.0 as usize).is_none_or(Option::is_none) {
            return;
        }
        self.cut(vm);
        let before = self.vm(vm).set;
        let releases = self.subsets.releases(before);
        let set = self.subsets.only(START, |known| {
            known.iter().any(|release| releases.contains(release))
        });
        let followed = self.vm(vm);
        (followed.set, followed.migrates, followed.passes) = (set, false, Passes::Unknown);
    }

    /// A trace can say of an event that it was emitted and then what it was: that is one event.
    fn after_emitted(&mut self, record: &Record<'_>) {
        let Some((kind, line, offset)) = self.vm(record.vm).emitted.take() else {
            return;
        };
        self.emitted -= 1;
        if !matches!(&record.what, Heard::Event(event) if event.kind == kind) {
            self.heard_kind(record.vm, kind, line, offset);
        }
    }

    /// What is left at the end, of every VM that said something.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Verdict> {
        for at in 0..self.vms.len() {
            let emitted = self.vms[at].as_mut().and_then(|followed| followed.emitted.take());
            if let Some((kind, line, offset)) = emitted {
                self.heard_kind(VmId(at as u32), kind, line, offset);
            }
        }
        self.emitted = 0;
        let vms = core::mem::take(&mut self.vms);
        vms.into_iter()
            .enumerate()
            .filter_map(|(at, followed)| Some((VmId(at as u32), followed?)))
            .map(|(vm, mut followed)| {
                let possible = followed.count == 0;
                let (mut explanation, mut explained) = (followed.account, followed.accounted);
                if possible && self.wanted != Wanted::Nothing {
                    let trail = followed.trail.make_contiguous();
                    let (account, of) = account::account(&mut self.subsets, trail);
                    explanation.extend(account);
                    explained += of;
                }
                Verdict {
                    vm,
                    letters: followed.letters,
                    contradictions: followed.count,
                    first: followed.contradictions,
                    releases: if possible {
                        self.subsets.releases(followed.set)
                    } else {
                        BTreeSet::new()
                    },
                    states: self.subsets.believed(followed.set),
                    gone: self.subsets.must_be_gone(followed.set),
                    explained,
                    explanation,
                }
            })
            .collect()
    }

    fn vm(&mut self, vm: VmId) -> &mut Followed {
        let at = vm.0 as usize;
        if self.vms.len() <= at {
            self.vms.resize_with(at + 1, || None);
        }
        self.vms[at].get_or_insert_with(|| {
            Box::new(Followed {
                set: START,
                trail: VecDeque::new(),
                account: Vec::new(),
                accounted: 0,
                letters: 0,
                contradictions: Vec::new(),
                count: 0,
                passes: Passes::Unknown,
                migrates: false,
                traced: None,
                emitted: None,
            })
        })
    }

    fn heard_kind(&mut self, vm: VmId, kind: EventKind, line: u64, offset: u64) {
        if let Said::OneOf(letters) = hear::emitted(kind) {
            let what = Heard::Emitted {
                number: 0,
                kind: Some(kind),
            };
            let record = Record {
                vm,
                line,
                offset,
                what,
            };
            self.letters(&record, &letters);
        }
    }

    /// The way of nearly all letters: where it leads is known, and nobody asks for an account. Whether it was one of these.
    #[inline]
    fn known(&mut self, vm: VmId, letter: Letter) -> bool {
        let followed = self.vms.get_mut(vm.0 as usize).and_then(Option::as_deref_mut);
        let Some(followed) = followed.filter(|_| self.wanted == Wanted::Nothing && !letter.is_migration())
        else {
            return false;
        };
        let Some(after) = self.subsets.known(followed.set, letter) else {
            return false;
        };
        followed.set = after;
        followed.letters += 1;
        true
    }

    fn letters(&mut self, record: &Record<'_>, letters: &[Letter]) {
        if self.subsets.is_crowded() {
            let trails = self.vms.iter_mut().flatten().flat_map(|followed| {
                let trail = followed.trail.iter_mut().map(|(set, ..)| set);
                trail.chain([&mut followed.set])
            });
            self.subsets.tidy(trails);
        }
        let followed = self.vm(record.vm);
        let before = followed.set;
        for status in letters.iter().filter_map(|letter| letter.as_migration()) {
            followed.passes.told(status);
        }
        // Until MIGRATION has told where a migration stands, one may have begun before the log did.
        let migrates = letters.iter().any(|letter| letter.is_migration());
        let midst = migrates && !followed.migrates && letters != [Letter::migration(MigrationStatus::Setup)];
        followed.migrates |= migrates;
        let after = match letters {
            [letter] if midst => self.began_before(before, *letter),
            [letter] => self.subsets.hear(before, *letter),
            _ => self.subsets.hear_any(before, letters),
        };
        if after == NONE {
            let heard = letters.first().map(ToString::to_string).unwrap_or_default();
            self.contradicts(record, heard, None);
            // It has been said all the same: go on from any state that can say it.
            let resumed = match letters {
                [letter] if migrates => {
                    let releases = self.subsets.releases(before);
                    self.subsets.in_the_middle(*letter, &releases)
                }
                _ => self.subsets.hear_any(START, letters),
            };
            let set = if resumed == NONE { START } else { resumed };
            let followed = self.vm(record.vm);
            (followed.set, followed.migrates) = (set, migrates);
            return;
        }
        let followed = self.vm(record.vm);
        followed.letters += 1;
        followed.set = after;
        let wanted = self.wanted;
        if wanted == Wanted::Nothing {
            return;
        }
        let [letter] = letters else {
            // Of an event whose data is unknown there is no single account.
            return self.cut(record.vm);
        };
        if midst {
            // Nor is there one of what was before the log.
            return self.cut(record.vm);
        }
        let trail = &mut self.vm(record.vm).trail;
        if wanted == Wanted::End && trail.len() == EXPLAINED {
            trail.pop_front();
        }
        let kept = match wanted {
            Wanted::Nothing => false,
            Wanted::End | Wanted::All => true,
            Wanted::From(line) => record.line >= line && trail.len() < EXPLAINED,
        };
        if kept {
            trail.push_back((before, *letter, record.line));
        }
    }

    /// What comes next has nothing to do with what came before: an account of that can be told, if it is wanted.
    fn cut(&mut self, vm: VmId) {
        let followed = self.vms.get_mut(vm.0 as usize).and_then(Option::as_deref_mut);
        let Some(followed) = followed.filter(|followed| !followed.trail.is_empty()) else {
            return;
        };
        if self.wanted == Wanted::All && followed.count == 0 {
            let trail = followed.trail.make_contiguous();
            let (account, explained) = account::account(&mut self.subsets, trail);
            followed.account.extend(account);
            followed.accounted += explained;
        }
        followed.trail.clear();
    }

    /// MIGRATION_PASS: what it counts tells some releases from others.
    fn passed(&mut self, record: &Record<'_>, pass: u32) {
        let followed = self.vm(record.vm);
        let set = followed.set;
        let counts_iterations = match followed.passes.heard(pass) {
            Ok(None) => return,
            Ok(Some(counts)) => counts,
            Err(why) => return self.contradicts(record, String::new(), Some(why)),
        };
        let kept = self.subsets.only(set, |releases| {
            releases
                .iter()
                .any(|release| release.pass_counts_iterations() == counts_iterations)
        });
        if kept == NONE {
            let why = format!(
                "the first MIGRATION_PASS of a migration says {pass}: up to 11.0 it is 1, from 11.1 on 2"
            );
            return self.contradicts(record, String::new(), Some(why));
        }
        self.vm(record.vm).set = kept;
    }

    /// Hears MIGRATION of a migration that may have begun before the log did.
    fn began_before(&mut self, before: Set, letter: Letter) -> Set {
        let heard = self.subsets.hear(before, letter);
        let releases = self.subsets.releases(before);
        let began_before = self.subsets.in_the_middle(letter, &releases);
        self.subsets.either(heard, began_before)
    }

    fn contradicts(&mut self, record: &Record<'_>, heard: String, why: Option<String>) {
        let set = self.vm(record.vm).set;
        let contradiction = Contradiction {
            line: record.line,
            offset: record.offset,
            heard,
            why,
            believed: self.subsets.believed(set),
            gone: self.subsets.must_be_gone(set),
            releases: self.subsets.releases(set),
            could_come: self.subsets.could_come(set),
        };
        let followed = self.vm(record.vm);
        followed.count += 1;
        // Nothing is explained any more.
        followed.trail.clear();
        if followed.contradictions.len() < KEPT {
            followed.contradictions.push(contradiction);
        }
    }

    /// A client has connected: it has not heard what came before, and the greeting tells it the release.
    fn greeted(&mut self, record: &Record<'_>, release: Option<Release>) {
        let set = match release {
            Some(release) => self.subsets.only(START, |releases| releases.contains(&release)),
            None => START,
        };
        self.cut(record.vm);
        let followed = self.vm(record.vm);
        followed.set = if set == NONE { START } else { set };
        (followed.migrates, followed.passes) = (false, Passes::Unknown);
    }

    /// QEMU's trace point `runstate_set`: it is printed before the table is looked at.
    fn traced(&mut self, record: &Record<'_>, from: &str, to: &str) {
        let (Some(from), Some(to)) = (RunState::from_name(from), RunState::from_name(to)) else {
            let why = format!("runstate_set from \"{from}\" to \"{to}\": no such run state");
            return self.contradicts(record, String::new(), Some(why));
        };
        let set = self.vm(record.vm).set;
        let followed = self.vm(record.vm);
        let believed = followed.traced.replace(to);
        if let Some(believed) = believed.filter(|believed| *believed != from) {
            let why =
                format!("runstate_set says that the state was {from}; the trace before it left {believed}");
            return self.contradicts(record, String::new(), Some(why));
        }
        let allowed = |release: &Release| release.graph().allows(from, to);
        if !self.subsets.releases(set).iter().any(allowed) {
            let why = format!("runstate_set from {from} to {to} is not in the graph: QEMU aborts here");
            return self.contradicts(record, String::new(), Some(why));
        }
        let kept = self.subsets.only(set, |releases| releases.iter().any(allowed));
        self.vm(record.vm).set = kept;
    }
}
