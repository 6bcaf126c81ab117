//! What a model is there for.

/// A surface that does not need a model's name asks the first model of its group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    #[default]
    Chat,
    /// Questions in, SQL out.
    TextToSql,
}

impl Group {
    pub const ALL: [Self; 2] = [Self::Chat, Self::TextToSql];

    /// As the catalogue and `/health` write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextToSql => "text2sql",
        }
    }

    /// The items that stand for this group: its own, or, where it has none, the first of all. So a server with one model
    /// answers on every surface, and says so.
    pub(crate) fn members<T>(self, items: &[T], group_of: impl Fn(&T) -> Self) -> impl Iterator<Item = &T> {
        let has_own = items.iter().any(|item| group_of(item) == self);
        items
            .iter()
            .enumerate()
            .filter(move |(index, item)| if has_own { group_of(item) == self } else { *index == 0 })
            .map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(groups: &[Group], group: Group) -> Vec<usize> {
        let numbered: Vec<_> = groups.iter().copied().enumerate().collect();
        group.members(&numbered, |(_, group)| *group).map(|(index, _)| *index).collect()
    }

    #[test]
    fn a_group_is_its_own_models() {
        let groups = [Group::TextToSql, Group::Chat, Group::Chat];
        assert_eq!(members(&groups, Group::Chat), [1, 2]);
        assert_eq!(members(&groups, Group::TextToSql), [0]);
    }

    #[test]
    fn a_group_without_a_model_is_the_first_of_all() {
        assert_eq!(members(&[Group::Chat, Group::Chat], Group::TextToSql), [0]);
        assert_eq!(members(&[], Group::TextToSql), [0; 0]);
    }
}
