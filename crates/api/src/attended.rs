//! A stream that somebody has to take. HTTP/2 lets a client keep its connection alive and take nothing of one answer: no write
//! stalls, nobody looks at the answer's body, and what stands behind it (a place, a reservation, a model) would be held for ever.

use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The same items. What is behind them is dropped once an item was not taken for so long, and the stream ends early.
pub(crate) fn attended<S>(items: S, patience: Duration) -> impl Stream<Item = S::Item> + Send
where
    S: Stream<Item: Send> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(1);
    // Ends with the stream that is handed out.
    let mut giver = JoinSet::new();
    giver.spawn(async move {
        let mut items = std::pin::pin!(items);
        while let Some(item) = items.next().await {
            let Ok(Ok(())) = timeout(patience, sender.send(item)).await else { return };
        }
    });
    stream::poll_fn(move |context| {
        let _giver = &giver;
        receiver.poll_recv(context)
    })
}

#[cfg(test)]
mod tests {
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
        drop(attended(numbers, PATIENCE));
        dropped.cancelled().await;
    }
}
