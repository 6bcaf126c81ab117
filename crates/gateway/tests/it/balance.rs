//! Who is asked.

use backend::{Conversation, Generation, Message, Prompt, Role};
use gateway::{Balance, Group, GroupSettings};
use testkit::upstream::{Act, Upstream};

use crate::fixture::{is_at_rest, question, settings, upstream};

fn said(role: Role, content: &str) -> Message {
    Message { role, content: content.into(), name: None }
}

#[tokio::test]
async fn a_conversation_returns_to_the_server_that_knows_it() {
    let servers = [Upstream::start().await, Upstream::start().await, Upstream::start().await];
    for server in &servers {
        server.often(20, &Act::says(&["Hi"]));
    }
    let upstreams = servers.iter().map(|server| upstream(&server.url())).collect();
    let group = Group::new(GroupSettings { balance: Balance::Prefix, ..settings(upstreams) }).unwrap();
    for user in ["Ada", "Bob", "Cem", "Dag", "Eve"] {
        let mut conversation = Conversation::new(vec![said(Role::User, user)]).unwrap();
        let before: Vec<_> = servers.iter().map(|server| server.received().len()).collect();
        for turn in 0..3 {
            let generation = Generation { prompt: Prompt::Chat(conversation.clone()), ..question("") };
            let events = backend::Backend::generate(&*group, generation).await.unwrap();
            testkit::contract::read(events, 1).await;
            let further = [said(Role::Assistant, "Hi"), said(Role::User, &format!("question {turn}"))];
            conversation = conversation.then(further);
        }
        let asked = servers.iter().zip(before).filter(|(server, before)| server.received().len() > *before).count();
        assert_eq!(asked, 1, "{user}");
    }
    is_at_rest(&group);
}

#[tokio::test]
async fn the_idle_of_two_servers_is_asked() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    for server in [&one, &two] {
        server.often(4, &Act::says(&["Hi"]));
    }
    let upstreams = vec![upstream(&one.url()), upstream(&two.url())];
    let group = Group::new(GroupSettings { balance: Balance::LeastLoaded, ..settings(upstreams) }).unwrap();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(backend::Backend::generate(&*group, question("Hello?")).await.unwrap());
    }
    assert_eq!([one.received().len(), two.received().len()], [1, 1]);
}
