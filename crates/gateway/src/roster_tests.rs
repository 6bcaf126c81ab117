//! Who waits is served in turn, whatever others do meanwhile.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::{ArcWake, waker};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A request comes.
    Come,
    /// One that waits goes away.
    Leave(usize),
    /// One that has a seat has its answer.
    End(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Come),
        1 => (0..9_usize).prop_map(Step::Leave),
        3 => (0..9_usize).prop_map(Step::End),
    ];
    prop::collection::vec(step, 0..120)
}

/// Whether a future wants to be polled.
struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(this: &Arc<Self>) {
        this.0.store(true, Ordering::Relaxed);
    }
}

struct Guest {
    number: usize,
    seat: Pin<Box<dyn Future<Output = Result<Seat>>>>,
    woken: Arc<Woken>,
}

/// A room with a queue before it.
struct Scene {
    roster: Arc<Roster>,
    waiting: Vec<Guest>,
    seated: Vec<(usize, Seat)>,
    came: usize,
    order: Vec<usize>,
}

impl Scene {
    fn take(&mut self, step: Step) {
        match step {
            Step::Come => {
                let roster = Arc::clone(&self.roster);
                let seat = Box::pin(async move { roster.seat(0).await });
                let woken = Arc::new(Woken(AtomicBool::new(true)));
                self.waiting.push(Guest { number: self.came, seat, woken });
                self.came += 1;
            }
            Step::Leave(index) if index < self.waiting.len() => drop(self.waiting.remove(index)),
            Step::End(index) if index < self.seated.len() => drop(self.seated.swap_remove(index)),
            Step::Leave(_) | Step::End(_) => {}
        }
        self.settle();
    }

    /// Polls those that want it, the last first, until none does.
    fn settle(&mut self) {
        while let Some(index) = self.waiting.iter().rposition(|guest| guest.woken.0.swap(false, Ordering::Relaxed)) {
            let guest = &mut self.waiting[index];
            let waker = waker(Arc::clone(&guest.woken));
            if let Poll::Ready(seat) = guest.seat.as_mut().poll(&mut Context::from_waker(&waker)) {
                let guest = self.waiting.remove(index);
                self.order.push(guest.number);
                self.seated.push((guest.number, seat.unwrap()));
            }
        }
    }
}

fn standing_still() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn server(port: u16, most: u32) -> UpstreamSettings {
    UpstreamSettings {
        address: format!("http://localhost:{port}").parse().unwrap(),
        model: "theirs".into(),
        api_key: None,
        weight: NonZeroU32::MIN,
        max_concurrent: NonZeroU32::new(most),
        cache_salt: false,
    }
}

proptest! {
    /// Who came first sits first, and nobody waits while there is room.
    #[test]
    fn first_come_first_served(rooms in prop::collection::vec(1..3_u32, 1..4), steps in steps()) {
        let runtime = standing_still();
        let _entered = runtime.enter();
        let servers = rooms.iter().enumerate().map(|(index, most)| server(index as u16 + 1, *most)).collect();
        let roster = Roster::new(servers, Balance::LeastLoaded, usize::MAX, Duration::from_mins(1));
        let (waiting, seated, order) = (Vec::new(), Vec::new(), Vec::new());
        let mut scene = Scene { roster, waiting, seated, came: 0, order };
        let room = rooms.iter().sum::<u32>() as usize;
        for step in steps {
            scene.take(step);
            prop_assert!(scene.order.is_sorted(), "{:?}", scene.order);
            prop_assert!(scene.waiting.is_empty() || scene.seated.len() == room);
            prop_assert_eq!(scene.roster.load(), (scene.seated.len() as u32, scene.waiting.len() as u32));
        }
    }
}
