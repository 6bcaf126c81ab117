/** SQL in pieces, each of a kind that is shown in its own way. A matter of looks: the server says whether it parses. */

export type Kind = "comment" | "string" | "name" | "number" | "keyword" | "other";

export interface Piece {
  kind: Kind;
  text: string;
}

// A string or comment that is not closed goes on to the end.
const PIECES =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<string>'(?:[^']|'')*(?:'|$))|(?<name>"(?:[^"]|"")*(?:"|$)|`[^`]*(?:`|$))|(?<number>\b\d+(?:\.\d+)?\b)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<other>[\s\S])/gu;

const KEYWORDS = new Set(
  `ALL AND ANY AS ASC BETWEEN BY CASE CAST CREATE CROSS CURRENT_DATE CURRENT_TIMESTAMP DELETE DESC DISTINCT ELSE END EXCEPT
  EXISTS FALSE FETCH FIRST FROM FULL GROUP HAVING ILIKE IN INNER INSERT INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT
  NATURAL NEXT NOT NULL NULLS OFFSET ON ONLY OR ORDER OUTER OVER PARTITION QUALIFY RECURSIVE RIGHT ROW ROWS SELECT SET TABLE THEN
  TOP TRUE UNION UNNEST UPDATE USING VALUES WHEN WHERE WINDOW WITH`.split(/\s+/),
);

export function pieces(sql: string): Piece[] {
  const found: Piece[] = [];
  for (const match of sql.matchAll(PIECES)) {
    const kind = kindOf(match);
    const last = found.at(-1);
    if (last && last.kind === kind && kind === "other") last.text += match[0];
    else found.push({ kind, text: match[0] });
  }
  return found;
}

function kindOf({ groups = {} }: RegExpMatchArray): Kind {
  if (groups.word !== undefined) return KEYWORDS.has(groups.word.toUpperCase()) ? "keyword" : "other";
  const kinds: Kind[] = ["comment", "string", "name", "number"];
  return kinds.find((kind) => groups[kind] !== undefined) ?? "other";
}

/** What stands within a fence, as models write one around code; else all of it. */
export function unfenced(answer: string): string {
  return (/```[a-z]*\n(?<inside>[\s\S]*?)```/i.exec(answer)?.groups?.inside ?? answer).trim();
}
