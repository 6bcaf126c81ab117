//! A line through points, and what is asked of it.

/// Points (x, y) by growing x.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve(pub Vec<(f64, f64)>);

impl Curve {
    /// The area under the line between its first and its last point.
    pub fn area(&self) -> f64 {
        self.0.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum()
    }

    /// The least x at which the line reaches `y`.
    pub fn first_at(&self, y: f64) -> Option<f64> {
        if self.0.first().is_some_and(|first| first.1 >= y) {
            return self.0.first().map(|first| first.0);
        }
        let reaching = self.0.windows(2).find(|pair| pair[1].1 >= y)?;
        let ((x, low), (end, high)) = (reaching[0], reaching[1]);
        Some(x + (end - x) * (y - low) / (high - low))
    }

    /// The least line that lies on or above all points, never falls, and is nowhere bent upwards: what can be had by mixing.
    pub fn hull(mut points: Vec<(f64, f64)>) -> Self {
        points.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.total_cmp(&one.1)));
        let mut hull: Vec<(f64, f64)> = Vec::new();
        for point in points {
            if hull.last().is_some_and(|last| point.1 <= last.1) {
                continue;
            }
            while let [.., before, last] = hull[..] {
                if (last.1 - before.1) * (point.0 - before.0) > (point.1 - before.1) * (last.0 - before.0) {
                    break;
                }
                hull.pop();
            }
            hull.push(point);
        }
        Self(hull)
    }

    /// With its last y carried on to `end`.
    #[must_use]
    pub fn carried_to(mut self, end: f64) -> Self {
        if let Some((x, y)) = self.0.last().copied()
            && x < end
        {
            self.0.push((end, y));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hull_leaves_out_what_a_mixture_beats() {
        let hull = Curve::hull(vec![(1.0, 0.5), (2.0, 0.4), (2.0, 0.55), (3.0, 0.9), (4.0, 0.8)]);
        assert_eq!(hull.0, [(1.0, 0.5), (3.0, 0.9)]);
        assert!((hull.clone().carried_to(4.0).area() - 2.3).abs() < 1e-9);
        assert!((hull.first_at(0.7).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(hull.first_at(0.95), None);
    }

    proptest! {
        #[test]
        fn no_point_lies_above_its_hull(points in prop::collection::vec((0.0_f64..9.0, 0.0_f64..1.0), 1..20)) {
            let hull = Curve::hull(points.clone()).carried_to(9.0);
            for (x, y) in points {
                let above = hull.0.windows(2).filter(|pair| pair[0].0 <= x && x <= pair[1].0).all(|pair| {
                    let ((left, low), (right, high)) = (pair[0], pair[1]);
                    let line = if right > left { low + (high - low) * (x - left) / (right - left) } else { high };
                    y <= line + 1e-9
                });
                prop_assert!(above);
            }
        }
    }
}
