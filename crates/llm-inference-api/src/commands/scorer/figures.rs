//! A report for people, and for programs.

use anyhow::Result;
use scorer::measure::{Figures, Report};

use crate::commands::table::table as columns;

/// `own`: what the scorer's line is called.
pub(super) fn table(own: &str, report: &Report) -> String {
    let Report { prompts, examples, strong, weak, scorer, beside } = report;
    let head = ["", "ACCURACY", "TIES WRONG", "AUC", "APGR", "CPT50", "CPT80", "AIQ", "CALIBRATION"];
    let rows = std::iter::once((format!("{own} (this)"), scorer))
        .chain(beside.iter().map(|(name, figures)| (name.clone(), figures)));
    let table = columns(head, rows.map(|(name, figures)| row(name, figures)));
    format!("held out: {examples} examples on {prompts} prompts; APGR and CPT are between {strong} and {weak}\n{table}")
}

fn row(name: String, figures: &Figures) -> [String; 9] {
    let Figures { pairwise_accuracy, pairwise_accuracy_ties_wrong, auc, apgr, cpt50, cpt80, aiq, calibration_error } =
        figures;
    let [a, b, c, d, e, f, g, h] =
        [pairwise_accuracy, pairwise_accuracy_ties_wrong, auc, apgr, cpt50, cpt80, aiq, calibration_error]
            .map(|figure| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.3}")));
    [name, a, b, c, d, e, f, g, h]
}

pub(super) fn json(report: &Report) -> Result<String> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_line_for_each_way_to_choose() {
        let figures = Figures { pairwise_accuracy: Some(0.8346), cpt50: Some(0.3), ..Figures::default() };
        let beside = [("elo".to_owned(), Figures::default())].into();
        let (strong, weak) = ("large".to_owned(), "small".to_owned());
        let report = Report { prompts: 20, examples: 30, strong, weak, scorer: figures, beside };
        insta::assert_snapshot!(table("knn", &report), @r"
            held out: 30 examples on 20 prompts; APGR and CPT are between large and small
                        ACCURACY  TIES WRONG  AUC  APGR  CPT50  CPT80  AIQ  CALIBRATION
            knn (this)  0.835     -           -    -     0.300  -      -    -
            elo         -         -           -    -     -      -      -    -
        ");
    }
}
