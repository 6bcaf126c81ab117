//! A stream that somebody has to take. HTTP/2 lets a client keep its connection alive and take nothing of one answer: no write
//! stalls, nobody looks at the answer's body, and what stands behind it (a place, a reservation, a model) would be held for ever.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream;
use telemetry::in_current_request;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The same items. What is behind them is dropped once an item was not taken for so long, and the stream ends early; and with the
/// stream, if that is dropped before.
pub(crate) fn attended<S>(items: S, patience: Duration) -> impl Stream<Item = S::Item> + Send
where
    S: Stream<Item: Send> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(1);
    let items = Items(Arc::new(Mutex::new(Some(Box::pin(items)))));
    let given = items.clone();
    // Ends with the stream that is handed out.
    let mut giver = JoinSet::new();
    let give = async move {
        while let Some(item) = poll_fn(|context| given.poll_next(context)).await {
            let Ok(Ok(())) = timeout(patience, sender.send(item)).await else { break };
        }
        given.let_go();
    };
    giver.spawn(in_current_request(give));
    stream::poll_fn(move |context| {
        let _held = (&items, &giver);
        receiver.poll_recv(context)
    })
}

/// What makes the items, in two hands: gone as soon as the first of them is dropped.
struct Items<S>(Arc<Mutex<Option<Pin<Box<S>>>>>);

impl<S: Stream> Items<S> {
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        match &mut *self.lock() {
            Some(items) => items.as_mut().poll_next(context),
            None => Poll::Ready(None),
        }
    }
}

impl<S> Items<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pin<Box<S>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn let_go(&self) {
        *self.lock() = None;
    }
}

impl<S> Drop for Items<S> {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::task::yield_now;
    use tokio::time::{Instant, sleep};
    use tokio_util::sync::CancellationToken;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    /// Numbers without end, and what is cancelled when nobody makes them any more.
    fn numbers() -> (impl Stream<Item = u32> + Send + 'static, CancellationToken) {
        let dropped = CancellationToken::new();
        let guard = dropped.clone().drop_guard();
        let numbers = stream::iter(0..).map(move |number| {
            let _guard = &guard;
            number
        });
        (numbers, dropped)
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_lets_go_of_what_is_behind_it() {
        let (numbers, dropped) = numbers();
        let mut taken = Box::pin(attended(numbers, PATIENCE));
        assert_eq!(taken.next().await, Some(0));
        let stopped = Instant::now();
        dropped.cancelled().await;
        assert_eq!(stopped.elapsed(), PATIENCE);
        // What was on its way, and then the end.
        assert_eq!(taken.by_ref().collect::<Vec<_>>().await, [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_slowly_gets_all() {
        let mut taken = Box::pin(attended(stream::iter(0..4), PATIENCE));
        for number in 0..4 {
            sleep(PATIENCE / 2).await;
            assert_eq!(taken.next().await, Some(number));
        }
        assert_eq!(taken.next().await, None);
    }

    #[tokio::test]
    async fn who_hangs_up_ends_it() {
        let (numbers, dropped) = numbers();
        let taken = attended(numbers, PATIENCE);
        yield_now().await;
        drop(taken);
        assert!(dropped.is_cancelled(), "at once, and not when its task has noticed");
    }
}
