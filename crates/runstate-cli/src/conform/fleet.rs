//! Several QEMUs at a time, their results in order.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc;

use super::wire::interrupted;

/// Does `work` on each item, on so many threads, and hands the results on in the items' order as soon as that is possible.
/// It ends early when `take` says so, or when a signal came.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: &(dyn Fn(&T) -> R + Sync),
    take: &mut dyn FnMut(&T, R) -> bool,
) {
    let next = Mutex::new(0);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            let sender = sender.clone();
            let (next, stop) = (&next, &stop);
            scope.spawn(move || {
                loop {
                    let index = {
                        let mut next = next.lock().expect("no thread panics with the lock");
                        let index: usize = *next;
                        *next += 1;
                        index
                    };
                    let ended = stop.load(Ordering::Relaxed) || interrupted();
                    let Some(item) = items.get(index).filter(|_| !ended) else {
                        return;
                    };
                    if sender.send((index, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (index, result) in receiver {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&due) {
                if !stop.load(Ordering::Relaxed) && !take(&items[due], result) {
                    stop.store(true, Ordering::Relaxed);
                }
                due += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;

    #[test]
    fn results_come_in_order() {
        let items: Vec<u64> = (0..50).collect();
        let work = |item: &u64| {
            std::thread::sleep(core::time::Duration::from_micros((50 - item) * 20));
            item * 2
        };
        let mut seen = Vec::new();
        in_order(&items, 4, &work, &mut |item, result| {
            seen.push((*item, result));
            true
        });
        assert_eq!(
            seen,
            items.iter().map(|item| (*item, item * 2)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn taking_can_end_it() {
        let items: Vec<usize> = (0..1000).collect();
        let done = AtomicUsize::new(0);
        let work = |item: &usize| {
            done.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(core::time::Duration::from_millis(1));
            *item
        };
        let mut taken = 0;
        in_order(&items, 2, &work, &mut |_, _| {
            taken += 1;
            taken < 3
        });
        assert_eq!(taken, 3);
        assert!(done.load(Ordering::Relaxed) < 900, "{done:?}");
    }
}
