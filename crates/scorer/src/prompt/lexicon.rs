//! A table: words by which features recognise what a prompt is about and in which language it is.

pub(super) const CODE: &[&str] = &[
    "algorithm",
    "api",
    "bug",
    "class",
    "code",
    "compile",
    "debug",
    "function",
    "funktion",
    "implement",
    "javascript",
    "java",
    "method",
    "program",
    "python",
    "query",
    "regex",
    "rust",
    "script",
    "sql",
    "unittest",
    "función",
    "fonction",
    "código",
];
pub(super) const MATHS: &[&str] = &[
    "angle",
    "calculate",
    "derivative",
    "divided",
    "equation",
    "fraction",
    "integral",
    "matrix",
    "multiply",
    "percent",
    "probability",
    "proof",
    "prove",
    "solve",
    "sum",
    "triangle",
    "berechne",
    "gleichung",
    "calcule",
    "équation",
    "ecuación",
    "calcula",
    "wahrscheinlichkeit",
    "probabilité",
    "probabilidad",
];
pub(super) const WRITING: &[&str] = &[
    "article",
    "blog",
    "email",
    "essay",
    "letter",
    "novel",
    "poem",
    "report",
    "speech",
    "story",
    "aufsatz",
    "geschichte",
    "histoire",
    "lettre",
    "historia",
    "ensayo",
    "carta",
    "brief",
    "gedicht",
    "poème",
    "poema",
];
pub(super) const EXPLAINING: &[&str] =
    &["explain", "why", "describe", "meaning", "erkläre", "warum", "explique", "pourquoi", "explica"];
pub(super) const SUMMARY: &[&str] = &["summarise", "summarize", "summary", "tl;dr", "zusammenfassung", "résumé", "resumen"];
pub(super) const TRANSLATION: &[&str] = &["translate", "translation", "übersetze", "traduis", "traduce"];
pub(super) const LISTS: &[&str] = &["list", "bullet", "bullets", "enumerate", "liste", "lista"];
pub(super) const TABLES: &[&str] = &["table", "csv", "columns", "tabelle", "tableau", "tabla"];
pub(super) const JSON: &[&str] = &["json", "yaml", "xml", "schema"];
pub(super) const STEPS: &[&str] = &["step", "steps", "schritt", "schritte", "étape", "étapes", "paso", "pasos"];
pub(super) const BREVITY: &[&str] = &["brief", "briefly", "short", "concise", "kurz", "court", "breve", "sentence"];
pub(super) const DETAIL: &[&str] =
    &["detail", "detailed", "long", "thorough", "comprehensive", "ausführlich", "détaillé", "detallado", "pages", "words"];
pub(super) const QUESTIONS: &[&str] = &[
    "what", "who", "when", "where", "why", "which", "how", "is", "are", "can", "does", "was", "wer", "wie", "wo", "wann",
    "welche", "qui", "que", "quoi", "où", "quand", "comment", "quel", "quelle", "qué", "quién", "cuándo", "dónde", "cómo",
];

pub(super) const ENGLISH: &[&str] = &[
    "the", "of", "and", "to", "in", "is", "that", "it", "for", "was", "with", "on", "are", "by", "this", "from", "which",
    "an",
];
pub(super) const GERMAN: &[&str] = &[
    "der", "die", "das", "und", "ist", "den", "von", "zu", "mit", "sich", "auf", "für", "nicht", "ein", "eine", "einer",
    "dem", "des",
];
pub(super) const FRENCH: &[&str] = &[
    "le", "la", "les", "et", "est", "des", "du", "une", "un", "que", "pour", "dans", "qui", "sur", "avec", "au", "ce", "par",
];
pub(super) const SPANISH: &[&str] =
    &["el", "la", "los", "las", "y", "es", "del", "una", "un", "que", "para", "en", "con", "por", "se", "al", "su", "lo"];
