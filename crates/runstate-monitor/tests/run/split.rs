//! A whole conversation with a VM, cut anywhere, is the same conversation.

use proptest::collection::vec;
use proptest::prelude::*;
use runstate::Release;
use runstate_monitor::monitor::Monitor;

use crate::monitor::{ask, launch, words};

/// What a client sends: commands of a life cycle, out of band and in band, and what is none.
const PIECES: [&str; 18] = [
    "{'execute':'qmp_capabilities'}",
    "{'execute':'qmp_capabilities','arguments':{'enable':['oob']},'id':1}",
    "{'execute':'stop','id':'s'}",
    "{'execute':'cont'}",
    "{'execute':'system_reset'}",
    "{'execute':'query-status'}\r\n",
    "{'execute':'set-action','arguments':{'panic':'pause','reboot':'shutdown','shutdown':'pause'}}",
    "{'execute':'x-guest','arguments':{'action':'panic'}}",
    "{'execute':'x-guest','arguments':{'action':'suspend'}}",
    "{'execute':'system_wakeup','id':[1,{}]}",
    "{'exec-oob':'migrate-pause','id':7}",
    "{'exec-oob':'stop'}",
    "{'execute':'human-monitor-command','arguments':{'command-line':'info status'}}",
    "{'execute':'quit'}",
    "{'execute':'nonesuch'}",
    "@\n",
    "[\"\u{20AC}\", {]",
    "\n",
];

/// Everything that is said to the client, the pieces being sent one after the other.
fn talk(release: Release, pieces: &[&[u8]]) -> Vec<String> {
    let mut monitor: Monitor = launch(release, &words("-qmp unix:/a,server=on,wait=off"), Vec::new());
    monitor.connect(0);
    let mut said = ask(&mut monitor, 0, "");
    for piece in pieces {
        // As a driver does: no more than the monitor would read, and no more of it once it has ended.
        monitor.receive(0, piece);
        said.extend(ask(&mut monitor, 0, ""));
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn splits_do_not_matter(
        pieces in vec(0..PIECES.len(), 1..14),
        splits in vec(1_usize..60, 0..20),
        old in any::<bool>(),
    ) {
        let release = if old { Release::V7_2_0 } else { Release::V10_0 };
        let input = pieces.iter().map(|at| PIECES[*at]).collect::<String>().into_bytes();
        let whole = talk(release, &[&input]);
        let (mut cut, mut left) = (Vec::new(), &input[..]);
        for split in splits {
            let (piece, rest) = left.split_at(split.min(left.len()));
            cut.push(piece);
            left = rest;
        }
        cut.push(left);
        prop_assert_eq!(talk(release, &cut), &whole[..]);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(talk(release, &bytes), &whole[..]);
    }
}
