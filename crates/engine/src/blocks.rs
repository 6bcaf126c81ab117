//! Who holds which KV block, and what each block remembers.
//!
//! A block that is full is published under a hash of everything before and in it, so that another sequence with the same
//! beginning takes it over instead of computing it again. A block that nobody holds keeps its contents until the space is
//! needed; the one that was used longest ago goes first, and of one sequence the end goes before the beginning.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use backend::Tenant;

use crate::model::AdapterNumber;

/// Names a prefix: the salt, all blocks before, and this block's tokens. Keyed at random in each process, so that nobody
/// can prepare two prefixes with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PrefixHash(u64);

#[derive(Debug)]
struct Block {
    holders: u32,
    /// When it was last let go, in ticks of `BlockPool::clock`; 0 for a block that remembers nothing.
    released: u64,
    contents: Option<Contents>,
}

/// What a published block holds. Its tokens are kept whole and what is before them by its hash, so that two prefixes are taken for one
/// only where hashes of 64 bits are equal and their last tokens as well.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    hash: PrefixHash,
    parent: PrefixHash,
    tokens: Box<[u32]>,
}

#[derive(Debug)]
pub(crate) struct BlockPool {
    block_tokens: usize,
    blocks: Vec<Block>,
    /// The blocks that nobody holds, the next to be taken first.
    idle: BTreeSet<(u64, u32)>,
    published: HashMap<PrefixHash, u32>,
    hasher: RandomState,
    clock: u64,
}

impl BlockPool {
    pub(crate) fn new(count: usize, block_tokens: usize) -> Self {
        let blocks = (0..count).map(|_| Block { holders: 0, released: 0, contents: None }).collect();
        let idle = (0..count as u32).map(|block| (0, block)).collect();
        Self { block_tokens, blocks, idle, published: HashMap::new(), hasher: RandomState::new(), clock: 0 }
    }

    pub(crate) fn block_tokens(&self) -> usize {
        self.block_tokens
    }

    pub(crate) fn total(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that can be had, whether or not they still remember something.
    pub(crate) fn available(&self) -> usize {
        self.idle.len()
    }

    pub(crate) fn in_use(&self) -> usize {
        self.total() - self.available()
    }

    /// Takes the block that was let go longest ago, and forgets what it held.
    pub(crate) fn allocate(&mut self) -> Option<u32> {
        let (_, index) = self.idle.pop_first()?;
        let block = &mut self.blocks[index as usize];
        block.holders = 1;
        if let Some(contents) = block.contents.take()
            && self.published.get(&contents.hash) == Some(&index)
        {
            self.published.remove(&contents.hash);
        }
        Some(index)
    }

    /// The name of the empty prefix, different for each tenant and each adapter.
    pub(crate) fn root(&self, tenant: Tenant, adapter: Option<AdapterNumber>) -> PrefixHash {
        PrefixHash(self.hasher.hash_one((tenant, adapter)))
    }

    /// The longest run of published blocks that `tokens` begins with, without taking it.
    pub(crate) fn find_prefix(&self, root: PrefixHash, tokens: &[u32]) -> Vec<(u32, PrefixHash)> {
        let mut parent = root;
        let mut found = Vec::new();
        for chunk in tokens.chunks_exact(self.block_tokens) {
            let hash = self.hash(parent, chunk);
            let Some(&index) = self.published.get(&hash) else { break };
            let same = |contents: &Contents| contents.parent == parent && *contents.tokens == *chunk;
            if !self.blocks[index as usize].contents.as_ref().is_some_and(same) {
                break;
            }
            found.push((index, hash));
            parent = hash;
        }
        found
    }

    /// Nobody holds it at the moment.
    pub(crate) fn is_idle(&self, index: u32) -> bool {
        self.blocks[index as usize].holders == 0
    }

    /// One more holder of a block that was found.
    pub(crate) fn hold(&mut self, index: u32) {
        let block = &mut self.blocks[index as usize];
        if block.holders == 0 {
            self.idle.remove(&(block.released, index));
        }
        block.holders += 1;
    }

    /// Makes a full block known under its prefix. If the same prefix is known already, the older block stays the one that
    /// is found.
    pub(crate) fn publish(&mut self, index: u32, parent: PrefixHash, tokens: &[u32]) -> PrefixHash {
        debug_assert_eq!(tokens.len(), self.block_tokens);
        let hash = self.hash(parent, tokens);
        if let std::collections::hash_map::Entry::Vacant(entry) = self.published.entry(hash) {
            entry.insert(index);
            self.blocks[index as usize].contents = Some(Contents { hash, parent, tokens: tokens.into() });
        }
        hash
    }

    /// Lets the blocks of one sequence go, given from its beginning to its end.
    pub(crate) fn release(&mut self, indices: &[u32]) {
        for &index in indices.iter().rev() {
            let block = &mut self.blocks[index as usize];
            block.holders -= 1;
            if block.holders > 0 {
                continue;
            }
            block.released = if block.contents.is_some() {
                self.clock += 1;
                self.clock
            } else {
                0
            };
            self.idle.insert((block.released, index));
        }
    }

    fn hash(&self, parent: PrefixHash, tokens: &[u32]) -> PrefixHash {
        PrefixHash(self.hasher.hash_one((parent.0, tokens)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Tenant = Tenant(0);

    fn filled(pool: &mut BlockPool, tenant: Tenant, tokens: &[u32]) -> Vec<u32> {
        let mut parent = pool.root(tenant, None);
        let size = pool.block_tokens();
        tokens
            .chunks_exact(size)
            .map(|chunk| {
                let block = pool.allocate().unwrap();
                parent = pool.publish(block, parent, chunk);
                block
            })
            .collect()
    }

    #[test]
    fn a_released_prefix_is_found_again() {
        let mut pool = BlockPool::new(4, 2);
        let blocks = filled(&mut pool, NOBODY, &[1, 2, 3, 4]);
        pool.release(&blocks);
        let found = pool.find_prefix(pool.root(NOBODY, None), &[1, 2, 3, 4, 5]);
        assert_eq!(found.iter().map(|(block, _)| *block).collect::<Vec<_>>(), blocks);
    }

    #[test]
    fn the_same_tokens_after_another_beginning_are_not_found() {
        let mut pool = BlockPool::new(4, 2);
        filled(&mut pool, NOBODY, &[1, 2, 3, 4]);
        assert_eq!(pool.find_prefix(pool.root(NOBODY, None), &[9, 9, 3, 4]), []);
    }

    #[test]
    fn another_tenant_finds_nothing() {
        let mut pool = BlockPool::new(4, 2);
        filled(&mut pool, Tenant(1), &[1, 2]);
        assert_eq!(pool.find_prefix(pool.root(Tenant(2), None), &[1, 2]), []);
    }

    #[test]
    fn another_adapter_finds_nothing() {
        let mut pool = BlockPool::new(4, 2);
        filled(&mut pool, NOBODY, &[1, 2]);
        assert_eq!(pool.find_prefix(pool.root(NOBODY, Some(AdapterNumber(1))), &[1, 2]), []);
    }

    #[test]
    fn blocks_that_remember_nothing_are_taken_first_then_the_end_of_the_oldest() {
        let mut pool = BlockPool::new(3, 2);
        let old = filled(&mut pool, NOBODY, &[1, 2, 3, 4]);
        pool.release(&old);
        assert_eq!(pool.allocate(), Some(2), "the one that was never used");
        assert_eq!(pool.allocate(), Some(old[1]), "the end of the prefix");
        assert_eq!(pool.find_prefix(pool.root(NOBODY, None), &[1, 2, 3, 4]).len(), 1, "its beginning is still there");
    }

    #[test]
    fn a_block_with_two_holders_stays_until_both_let_go() {
        let mut pool = BlockPool::new(1, 2);
        let blocks = filled(&mut pool, NOBODY, &[1, 2]);
        pool.hold(blocks[0]);
        pool.release(&blocks);
        assert_eq!(pool.available(), 0);
        pool.release(&blocks);
        assert_eq!(pool.available(), 1);
    }
}
