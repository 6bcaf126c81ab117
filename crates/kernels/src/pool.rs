//! Threads that stay: a step of a model makes hundreds of short parallel calls, and starting threads for each would cost more
//! than the work.
//!
//! The caller is worker 0. A waiting worker spins for a moment, because the next call usually follows within microseconds; then it
//! lets others have its processor, but stays ready through the time between two steps; and then it sleeps, so that an idle server
//! uses none. While a model computes, no call has to have the system wake anybody.
//!
//! A call waits for nobody who has not begun: on a machine with other work to do, a worker may get a processor only when the others
//! have done all there is.

use std::{
    any::Any,
    cell::{Cell, UnsafeCell},
    fmt,
    num::NonZeroUsize,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{isa::Isa, share::Shared};

/// How long a waiting thread does nothing but look.
const SPIN: Duration = Duration::from_micros(50);

/// How long a worker stays ready before it sleeps: longer than what lies between two steps, which is turning tokens into text, handing it
/// over, and planning.
const READY: Duration = Duration::from_millis(5);

/// Looks between two looks at the clock.
const LOOKS: u32 = 32;

/// A fixed set of worker threads. Dropping it joins them.
pub struct Pool {
    shared: Arc<State>,
    workers: Vec<JoinHandle<()>>,
    isa: Isa,
    /// Calls from several threads take turns.
    turn: Mutex<()>,
}

struct State {
    /// Counts calls; a change tells the workers that there is a new one.
    epoch: AtomicU64,
    /// How many workers are inside the present call, and [`CLOSED`] when no more may enter.
    door: AtomicUsize,
    stop: AtomicBool,
    /// For each worker but the caller, whether it sleeps or is about to.
    asleep: Box<[AtomicBool]>,
    /// Written while the door is closed and nobody inside, and read by those who entered.
    job: UnsafeCell<Option<Job>>,
    /// The first panic of the present call.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

const CLOSED: usize = 1 << (usize::BITS - 1);

/// A borrowed task whose lifetime is hidden from the workers.
#[derive(Clone, Copy)]
struct Job(*const (dyn Fn(usize) + Sync));

// SAFETY: the task is `Sync`, and `Pool::run` does not return before all who entered are done with it.
unsafe impl Send for Job {}

// SAFETY: whoever writes `job` holds `Pool::turn`, and has seen the door closed with nobody inside. Who reads it has entered by the
// door, which was opened after that.
unsafe impl Sync for State {}

thread_local! {
    /// Whether this thread is inside a task, so that a nested call does not wait for itself.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    /// A pool of `threads` workers, the caller of [`Pool::run`] being one of them, for the instruction set of this machine.
    pub fn new(threads: NonZeroUsize) -> Self {
        Self::with_isa(threads, Isa::detect())
    }

    /// A pool whose kernels use `isa`, or what the machine has if it lacks that.
    pub fn with_isa(threads: NonZeroUsize, isa: Isa) -> Self {
        let shared = Arc::new(State {
            epoch: AtomicU64::new(0),
            door: AtomicUsize::new(CLOSED),
            stop: AtomicBool::new(false),
            asleep: (1..threads.get()).map(|_| AtomicBool::new(false)).collect(),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
        });
        // A thread that the system refuses only makes the pool smaller.
        let workers = (1..threads.get())
            .map_while(|worker| {
                let shared = Arc::clone(&shared);
                thread::Builder::new().name(format!("kernel-{worker}")).spawn(move || shared.work(worker)).ok()
            })
            .collect();
        Self { shared, workers, isa: if isa.is_available() { isa } else { Isa::detect() }, turn: Mutex::new(()) }
    }

    /// Workers, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// The instruction set that the kernels use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Calls `task` with the number of the caller, 0, and at the same time with those of the workers that come before the caller is done;
    /// returns when all are. A panic in a task comes out here, and the pool stays usable. A call from within a task runs on that
    /// thread alone.
    fn run(&self, task: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() || INSIDE.get() {
            return task(0);
        }
        let turn = lock(&self.turn);
        self.start(task);
        let own = inside(|| task(0));
        let others = self.shared.wait();
        drop(turn);
        if let Some(panic) = own.err().or(others) {
            resume_unwind(panic);
        }
    }

    /// Calls `task` with the numbers below `count`, each once, the workers taking `chunk` consecutive numbers at a time as they
    /// become free. What is too little to share runs on the caller.
    pub(crate) fn share(&self, count: usize, chunk: usize, task: impl Fn(usize, Range<usize>) + Sync) {
        self.hand_out(count, chunk, |_| chunk, task);
    }

    /// The same, in runs of numbers that are long at first, so that each worker reads on where it was, and as short as `chunk` at
    /// the end, so that all end together.
    pub(crate) fn share_in_runs(&self, count: usize, chunk: usize, task: impl Fn(usize, Range<usize>) + Sync) {
        let runs = 2 * self.threads();
        self.hand_out(count, chunk, |left| left / runs, task);
    }

    /// Calls `task` with each item, the workers taking `chunk` neighbours at a time as they become free. What is too little to share runs
    /// on the caller.
    pub fn for_each<T: Send>(&self, items: &mut [T], chunk: usize, task: impl Fn(&mut T) + Sync) {
        let items = Shared::new(items);
        self.share(items.len(), chunk, |_, range| {
            // SAFETY: each number is given to one worker.
            unsafe { items.slice(range.start, range.len()) }.iter_mut().for_each(&task);
        });
    }

    /// The workers take what `size` says of the numbers that are left, but at least `chunk`.
    fn hand_out(
        &self,
        count: usize,
        chunk: usize,
        size: impl Fn(usize) -> usize + Sync,
        task: impl Fn(usize, Range<usize>) + Sync,
    ) {
        let chunk = chunk.max(1);
        if count <= chunk || self.workers.is_empty() {
            if count > 0 {
                task(0, 0..count);
            }
            return;
        }
        let next = AtomicUsize::new(0);
        let end = |start: usize| count.min(start + size(count - start).max(chunk));
        self.run(&|worker| {
            let take = |start: usize| (start < count).then(|| end(start));
            while let Ok(start) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
                task(worker, start..end(start));
            }
        });
    }
}

impl Pool {
    fn start(&self, task: &(dyn Fn(usize) + Sync)) {
        // SAFETY: only the lifetime changes; `Pool::run` waits for all who entered before the borrow ends.
        let task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(task) };
        // SAFETY: it is this thread's turn, and the last call ended with the door closed and nobody inside.
        unsafe { *self.shared.job.get() = Some(Job(std::ptr::from_ref(task))) };
        self.shared.door.store(0, Ordering::Release);
        self.announce();
    }

    /// Tells the workers, and wakes those that sleep. The order of all looks at `epoch` and `asleep` is one and the same for
    /// all threads, so either the worker sees the new call or this sees that it sleeps.
    fn announce(&self) {
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        for (asleep, worker) in self.shared.asleep.iter().zip(&self.workers) {
            if asleep.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
    }
}

impl State {
    /// Lets nobody in any more, waits for those inside, and gives the first panic among them. They are at their last pieces, so this
    /// is short.
    fn wait(&self) -> Option<Box<dyn Any + Send>> {
        self.door.fetch_or(CLOSED, Ordering::AcqRel);
        let is_over = || self.door.load(Ordering::Acquire) == CLOSED;
        if !spin_until(is_over, SPIN, std::hint::spin_loop) {
            while !is_over() {
                thread::yield_now();
            }
        }
        lock(&self.panic).take()
    }

    fn work(&self, worker: usize) {
        let mut seen = 0;
        while self.is_called(worker, &mut seen) {
            let Some(_inside) = self.enter() else { continue };
            // SAFETY: it is written before anybody is let in, and not again before all have left.
            let Some(Job(task)) = (unsafe { *self.job.get() }) else { continue };
            // SAFETY: `Pool::run` keeps the task alive until all have left.
            if let Err(panic) = inside(|| unsafe { (*task)(worker) }) {
                lock(&self.panic).get_or_insert(panic);
            }
        }
    }

    /// `None` if the call is over already.
    fn enter(&self) -> Option<Inside<'_>> {
        let open = |door: usize| (door & CLOSED == 0).then_some(door + 1);
        self.door.fetch_update(Ordering::Acquire, Ordering::Relaxed, open).is_ok().then(|| Inside(self))
    }

    /// Waits for a call that was not seen yet; `false` when the pool is dropped.
    fn is_called(&self, worker: usize, seen: &mut u64) -> bool {
        let is_new = || self.epoch.load(Ordering::SeqCst) != *seen;
        if !spin_until(is_new, SPIN, std::hint::spin_loop) && !spin_until(is_new, READY, thread::yield_now) {
            let asleep = &self.asleep[worker - 1];
            asleep.store(true, Ordering::SeqCst);
            while !is_new() {
                thread::park();
            }
            asleep.store(false, Ordering::SeqCst);
        }
        *seen = self.epoch.load(Ordering::SeqCst);
        !self.stop.load(Ordering::Acquire)
    }
}

/// A worker in a call, until this is dropped.
struct Inside<'a>(&'a State);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.door.fetch_sub(1, Ordering::Release);
    }
}

/// Looks again and again, for so long at most; `false` if it was in vain.
fn spin_until(is_so: impl Fn() -> bool, longest: Duration, between: impl Fn()) -> bool {
    let mut begin = None;
    loop {
        for _ in 0..LOOKS {
            if is_so() {
                return true;
            }
            between();
        }
        if begin.get_or_insert_with(Instant::now).elapsed() >= longest {
            return false;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.announce();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its tasks, so there is nothing to pass on.
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("threads", &self.threads()).field("isa", &self.isa).finish_non_exhaustive()
    }
}

/// Runs a part of a task, marked as being inside one, and keeps its panic.
fn inside(task: impl FnOnce()) -> thread::Result<()> {
    let before = INSIDE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(task));
    INSIDE.set(before);
    result
}

/// Nothing is left half-done under these locks, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn pool(threads: usize) -> Pool {
        Pool::new(NonZeroUsize::new(threads).unwrap())
    }

    /// Waits inside until all workers of the pool are.
    fn together(pool: &Pool) -> impl Fn(usize) + Sync {
        let (inside, threads) = (AtomicUsize::new(0), pool.threads());
        move |_| {
            inside.fetch_add(1, Ordering::SeqCst);
            while inside.load(Ordering::SeqCst) < threads {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn all_workers_come_if_the_caller_takes_long_enough() {
        for threads in 1..5 {
            let pool = pool(threads);
            for _ in 0..200 {
                pool.run(&together(&pool));
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_worker_that_does_not_come() {
        let pool = pool(2);
        pool.shared.stop.store(true, Ordering::SeqCst);
        pool.announce();
        while !pool.workers[0].is_finished() {
            thread::yield_now();
        }
        let calls = AtomicUsize::new(0);
        pool.share(100, 7, |_, range| _ = calls.fetch_add(range.len(), Ordering::Relaxed));
        assert_eq!(calls.into_inner(), 100);
    }

    #[test]
    fn who_comes_too_late_leaves_no_trace() {
        let pool = pool(2);
        for _ in 0..10_000 {
            pool.run(&|_| ());
        }
        assert!(pool.shared.enter().is_none());
        assert_eq!(pool.shared.door.load(Ordering::SeqCst), CLOSED);
    }

    #[test]
    fn workers_that_sleep_are_woken() {
        let pool = pool(3);
        for _ in 0..5 {
            while !pool.shared.asleep.iter().all(|asleep| asleep.load(Ordering::SeqCst)) {
                thread::yield_now();
            }
            pool.run(&together(&pool));
        }
    }

    #[test]
    fn every_number_is_shared_out_once() {
        let pool = pool(3);
        let calls: Vec<_> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        pool.share(100, 7, |_, range| range.for_each(|index| _ = calls[index].fetch_add(1, Ordering::Relaxed)));
        assert!(calls.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn every_item_has_its_call() {
        for (count, chunk) in [(0, 1), (1, 1), (7, 2), (100, 3), (100, 200)] {
            let mut items: Vec<usize> = (0..count).collect();
            pool(3).for_each(&mut items, chunk, |item| *item += 1);
            assert_eq!(items, (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = pool(3);
        for culprit in 0..3 {
            let meet = together(&pool);
            let task = |worker| {
                meet(worker);
                assert!(worker != culprit, "culprit {culprit}");
            };
            let result = catch_unwind(AssertUnwindSafe(|| pool.run(&task)));
            let panic = result.unwrap_err();
            assert_eq!(panic.downcast_ref::<String>().unwrap(), &format!("culprit {culprit}"));
        }
        pool.run(&together(&pool));
    }

    #[test]
    fn a_call_within_a_task_does_not_wait_for_itself() {
        let pool = pool(2);
        let calls = AtomicUsize::new(0);
        pool.share(2, 1, |_, _| pool.share(5, 1, |_, range| _ = calls.fetch_add(range.len(), Ordering::Relaxed)));
        assert_eq!(calls.into_inner(), 10);
    }

    #[test]
    fn callers_on_several_threads_take_turns() {
        let pool = pool(2);
        let calls = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                let call = || pool.share(10, 1, |_, range| _ = calls.fetch_add(range.len(), Ordering::Relaxed));
                scope.spawn(move || (0..50).for_each(|_| call()));
            }
        });
        assert_eq!(calls.into_inner(), 2000);
    }
}
