//! Other models in the place of one that cannot answer.

use std::sync::Arc;

use backend::Result;

use crate::Service;
use crate::fleet::Member;

impl Service {
    /// What comes of a request to a model. While that cannot answer, those are asked that may be in its place, in their order. If none of
    /// them answers either, its own failure is told: the request was for it, and what others have against it (it is too long for them,
    /// they do not know a parameter) is not the client's doing.
    pub(crate) async fn in_turn<R: Clone, T, F>(
        &self,
        member: Arc<Member>,
        request: R,
        ask: impl Fn(Arc<Member>, R) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        if member.model.fallbacks.is_empty() {
            return ask(member, request).await;
        }
        let failure = match ask(Arc::clone(&member), request.clone()).await {
            Err(failure) if failure.is_its_models() => failure,
            answered => return answered,
        };
        for other in member.model.fallbacks.iter().filter_map(|name| self.member(name).ok()) {
            if let Ok(answer) = ask(other, request.clone()).await {
                telemetry::answered_instead();
                return Ok(answer);
            }
        }
        Err(failure)
    }
}
