//! A table: what made-up prompts are put together from, in four languages.

use super::Language;

#[derive(Debug)]
pub(super) struct Phrases {
    pub(super) prefaces: &'static [&'static str],
    pub(super) code: &'static [&'static str],
    pub(super) code_things: &'static [&'static str],
    pub(super) maths: &'static [&'static str],
    pub(super) maths_things: &'static [&'static str],
    pub(super) writing: &'static [&'static str],
    pub(super) facts: &'static [&'static str],
    pub(super) places: &'static [&'static str],
    pub(super) short: &'static [&'static str],
    pub(super) long: &'static [&'static str],
}

pub(super) fn of(language: Language) -> &'static Phrases {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
        Language::French => &FRENCH,
        Language::Spanish => &SPANISH,
    }
}

const ENGLISH: Phrases = Phrases {
    prefaces: &["", "Please help me.", "I have a question.", "You know a lot about this.", "My colleague asked me this."],
    code: &[
        "Write a Python function for {thing}.",
        "Fix the bug in this code for {thing}: `x[{a}] = y[{b}]`.",
        "Implement {thing} in Rust.",
        "Write a SQL query that does {thing} for the first {a} rows.",
        "Why does my program for {thing} crash after {a} calls?",
    ],
    code_things: &[
        "a binary search",
        "sorting a list",
        "a linked list",
        "parsing JSON",
        "a web server",
        "a hash table",
        "a cache",
    ],
    maths: &[
        "Solve the equation {a}x + {b} = 0.",
        "Calculate {thing} for {a} and {b}.",
        "Prove that {thing} is larger than {a}.",
        "What is the probability of {a} in {b} when I look at {thing}?",
    ],
    maths_things: &["the integral", "the derivative", "the sum", "the area of a triangle", "the mean", "the matrix product"],
    writing: &[
        "Write a story that takes place in {thing}.",
        "Write a poem about {thing}.",
        "Compose a letter to a friend in {thing}.",
        "Draft a speech for the people of {thing}.",
    ],
    facts: &[
        "What is the history of {thing}?",
        "Who lives in {thing} and since when?",
        "Where is {thing} on the map?",
        "What do people eat in {thing}?",
    ],
    places: &["Berlin", "Paris", "Madrid", "London", "Lisbon", "Rome", "Vienna", "Prague", "Oslo", "Athens"],
    short: &["Answer in one sentence.", "Keep it short.", "Be brief.", "At most {n} words, briefly.", "Only the result."],
    long: &[
        "Explain it in detail on several pages.",
        "Use at least {n}00 words.",
        "Be thorough and comprehensive.",
        "Give a long and detailed answer.",
    ],
};

const GERMAN: Phrases = Phrases {
    prefaces: &[
        "",
        "Bitte hilf mir.",
        "Ich habe eine Frage.",
        "Du weißt viel darüber.",
        "Mein Kollege hat mich das gefragt.",
    ],
    code: &[
        "Schreibe eine Funktion in Python für {thing}.",
        "Finde den Fehler im Programm für {thing}: `x[{a}] = y[{b}]`.",
        "Programmiere {thing} in Rust.",
        "Warum stürzt mein Programm für {thing} nach {a} Aufrufen ab?",
    ],
    code_things: &["eine binäre Suche", "eine sortierte Liste", "eine verkettete Liste", "einen Webserver", "einen Cache"],
    maths: &[
        "Löse die Gleichung {a}x + {b} = 0.",
        "Berechne {thing} für {a} und {b}.",
        "Beweise, dass {thing} größer als {a} ist.",
        "Wie groß ist die Wahrscheinlichkeit von {a} in {b}, wenn ich {thing} betrachte?",
    ],
    maths_things: &["das Integral", "die Ableitung", "die Summe", "die Fläche eines Dreiecks", "den Mittelwert"],
    writing: &[
        "Schreibe eine Geschichte, die in {thing} spielt.",
        "Schreibe ein Gedicht über {thing}.",
        "Verfasse einen Brief an einen Freund in {thing}.",
        "Entwirf eine Rede für die Menschen in {thing}.",
    ],
    facts: &[
        "Was ist die Geschichte von {thing}?",
        "Wer wohnt in {thing} und seit wann?",
        "Wo liegt {thing} auf der Karte?",
        "Was isst man in {thing}?",
    ],
    places: &["Berlin", "Paris", "Madrid", "London", "Lissabon", "Rom", "Wien", "Prag", "Oslo", "Athen"],
    short: &["Antworte in einem Satz.", "Fasse dich kurz.", "Höchstens {n} Wörter, ganz kurz.", "Nur das Ergebnis."],
    long: &[
        "Erkläre es ausführlich auf mehreren Seiten.",
        "Benutze mindestens {n}00 Wörter.",
        "Sei gründlich und umfassend.",
        "Gib eine lange und ausführliche Antwort.",
    ],
};

const FRENCH: Phrases = Phrases {
    prefaces: &[
        "",
        "Aide-moi, s'il te plaît.",
        "J'ai une question.",
        "Tu en sais beaucoup.",
        "Mon collègue me l'a demandé.",
    ],
    code: &[
        "Écris une fonction en Python pour {thing}.",
        "Trouve l'erreur dans le programme pour {thing} : `x[{a}] = y[{b}]`.",
        "Programme {thing} en Rust.",
        "Pourquoi mon programme pour {thing} plante-t-il après {a} appels ?",
    ],
    code_things: &["une recherche binaire", "une liste triée", "une liste chaînée", "un serveur web", "un cache"],
    maths: &[
        "Résous l'équation {a}x + {b} = 0.",
        "Calcule {thing} pour {a} et {b}.",
        "Démontre que {thing} est plus grand que {a}.",
        "Quelle est la probabilité de {a} sur {b} quand je regarde {thing} ?",
    ],
    maths_things: &["l'intégrale", "la dérivée", "la somme", "l'aire d'un triangle", "la moyenne"],
    writing: &[
        "Écris une histoire qui se passe à {thing}.",
        "Écris un poème sur {thing}.",
        "Rédige une lettre à un ami de {thing}.",
        "Prépare un discours pour les gens de {thing}.",
    ],
    facts: &[
        "Quelle est l'histoire de {thing} ?",
        "Qui habite à {thing} et depuis quand ?",
        "Où se trouve {thing} sur la carte ?",
        "Que mange-t-on à {thing} ?",
    ],
    places: &["Berlin", "Paris", "Madrid", "Londres", "Lisbonne", "Rome", "Vienne", "Prague", "Oslo", "Athènes"],
    short: &["Réponds en une phrase.", "Sois bref.", "Au plus {n} mots, en bref.", "Seulement le résultat."],
    long: &[
        "Explique-le en détail sur plusieurs pages.",
        "Utilise au moins {n}00 mots.",
        "Sois exhaustif et complet.",
        "Donne une réponse longue et détaillée.",
    ],
};

const SPANISH: Phrases = Phrases {
    prefaces: &["", "Ayúdame, por favor.", "Tengo una pregunta.", "Sabes mucho de esto.", "Mi colega me lo ha preguntado."],
    code: &[
        "Escribe una función en Python para {thing}.",
        "Encuentra el error en el programa para {thing}: `x[{a}] = y[{b}]`.",
        "Programa {thing} en Rust.",
        "¿Por qué falla mi programa para {thing} después de {a} llamadas?",
    ],
    code_things: &["una búsqueda binaria", "una lista ordenada", "una lista enlazada", "un servidor web", "una caché"],
    maths: &[
        "Resuelve la ecuación {a}x + {b} = 0.",
        "Calcula {thing} para {a} y {b}.",
        "Demuestra que {thing} es mayor que {a}.",
        "¿Cuál es la probabilidad de {a} en {b} cuando miro {thing}?",
    ],
    maths_things: &["la integral", "la derivada", "la suma", "el área de un triángulo", "la media"],
    writing: &[
        "Escribe una historia que ocurre en {thing}.",
        "Escribe un poema sobre {thing}.",
        "Redacta una carta a un amigo de {thing}.",
        "Prepara un discurso para la gente de {thing}.",
    ],
    facts: &[
        "¿Cuál es la historia de {thing}?",
        "¿Quién vive en {thing} y desde cuándo?",
        "¿Dónde está {thing} en el mapa?",
        "¿Qué se come en {thing}?",
    ],
    places: &["Berlín", "París", "Madrid", "Londres", "Lisboa", "Roma", "Viena", "Praga", "Oslo", "Atenas"],
    short: &["Responde en una frase.", "Sé breve.", "Como máximo {n} palabras, en breve.", "Solo el resultado."],
    long: &[
        "Explícalo en detalle en varias páginas.",
        "Usa al menos {n}00 palabras.",
        "Sé exhaustivo y completo.",
        "Da una respuesta larga y detallada.",
    ],
};
