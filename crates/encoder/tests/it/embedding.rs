//! The encoder behind the contract.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend::{Backend, Embedding, Error, Kind, Prompt, Tenant};
use encoder::{Embedder, EmbedderSettings};

use crate::parity::open;

fn embedder() -> Embedder {
    let settings = EmbedderSettings {
        id: "small".into(),
        owner: "tests".into(),
        created: SystemTime::UNIX_EPOCH,
        version: "1".into(),
        most_waiting: 2,
        patience: Duration::from_mins(1),
    };
    Embedder::new(Arc::new(open("bert")), settings)
}

fn asked(inputs: &[&str]) -> Embedding {
    Embedding {
        model: "small".into(),
        inputs: inputs.iter().map(|input| Prompt::Text((*input).to_owned())).collect(),
        encoded: None,
        dimensions: None,
        cut: false,
        tenant: Tenant::default(),
    }
}

#[tokio::test]
async fn texts_are_answered_in_their_order_and_counted() {
    let embedder = embedder();
    let both = embedder.embed(asked(&["show users", "a"])).await.unwrap();
    let one = embedder.embed(asked(&["a"])).await.unwrap();
    assert_eq!((both.vectors.len(), &both.vectors[1]), (2, &one.vectors[0]));
    // What is put around a text counts too.
    assert_eq!((both.usage.prompt_tokens, one.usage.prompt_tokens), (7, 3));
    let tokens = embedder.encode(&Prompt::Text("a".into())).await.unwrap().unwrap();
    let again = Embedding { inputs: vec![Prompt::Tokens(tokens.to_vec())], ..asked(&[]) };
    assert_eq!(embedder.embed(again).await.unwrap(), one);
    assert_eq!((embedder.activity().prompt_tokens, embedder.activity().running), (13, 0));
}

#[tokio::test]
async fn fewer_numbers_have_length_one_again() {
    let embedder = embedder();
    let some = Embedding { dimensions: NonZeroUsize::new(5), ..asked(&["show users"]) };
    let some = embedder.embed(some).await.unwrap().vectors.remove(0);
    let all = embedder.embed(asked(&["show users"])).await.unwrap().vectors.remove(0);
    let ratio = some[0] / all[0];
    assert!(some.len() == 5 && some.iter().zip(&all).all(|(some, all)| (some - ratio * all).abs() < 1e-6));
    assert!((some.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-5);
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_with_its_place() {
    let embedder = embedder();
    let long = "a ".repeat(60);
    let told = |asked| async { embedder.embed(asked).await.unwrap_err().to_string() };
    let too_many = Embedding { dimensions: NonZeroUsize::new(25), ..asked(&["a"]) };
    let unknown = Embedding { inputs: vec![Prompt::Tokens(vec![100])], ..asked(&[]) };
    insta::assert_snapshot!(
        [told(asked(&["a", &long])).await, told(too_many).await, told(unknown).await].join("\n"), @r"
        input[1]: this model's context is 40 tokens, but 62 were asked for in the prompt and 0 in the completion
        dimensions must be at most 24, as many as this model has, but is 25
        input: token 100 is outside the vocabulary, whose last is 99
        "
    );
    let cut = embedder.embed(Embedding { cut: true, ..asked(&[&long]) }).await.unwrap();
    assert_eq!(cut.usage.prompt_tokens, 40);
}

#[tokio::test]
async fn one_that_drains_begins_nothing() {
    let embedder = embedder();
    embedder.drain();
    assert!(matches!(embedder.embed(asked(&["a"])).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn who_would_be_one_too_many_is_refused() {
    let embedder = embedder();
    let texts = vec!["show users from where"; 200];
    // Of three at once, two have a place.
    let (one, two, three) =
        tokio::join!(embedder.embed(asked(&texts)), embedder.embed(asked(&["a"])), embedder.embed(asked(&["a"])));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(three.unwrap_err().kind(), Kind::QueueFull);
}
