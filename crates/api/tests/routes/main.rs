//! The tree of tests is the tree of routes.

mod chat;
