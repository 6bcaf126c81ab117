/** What is asked of `/text2sql`, and what it answers. */
import { askJson, LONG } from "../server/ask";
import { noteUsage, type Usage } from "../server/standing";
import { State } from "../state";
import { Task } from "../task";
import { unfenced } from "./highlight";

export interface Question {
  text: string;
  model: string;
  /** `CREATE TABLE` statements. */
  schema: string;
  /** Empty: as the server judges by itself. */
  dialect: string;
  /** Asked again until it parses. */
  strict: boolean;
}

export interface Statement {
  sql: string;
  model: string;
  valid: boolean;
  dialect: string;
  error: string | null;
  tokens: number;
  milliseconds: number;
}

export const DIALECTS = [
  ["", "As the server has it"],
  ["ansi", "ANSI SQL"],
  ["bigquery", "BigQuery"],
  ["clickhouse", "ClickHouse"],
  ["databricks", "Databricks"],
  ["duckdb", "DuckDB"],
  ["generic", "Any SQL"],
  ["hive", "Hive"],
  ["mssql", "SQL Server"],
  ["mysql", "MySQL"],
  ["oracle", "Oracle"],
  ["postgresql", "PostgreSQL"],
  ["redshift", "Redshift"],
  ["snowflake", "Snowflake"],
  ["sqlite", "SQLite"],
] as const;

export function titleOf(dialect: string): string {
  return DIALECTS.find(([name]) => name === dialect)?.[1] ?? dialect;
}

export const question = new State<Question>({ text: "", model: "", schema: "", dialect: "", strict: false });
export const statement = new Task<Statement>();

interface Answer {
  model: string;
  choices: { message: { content: string | null } }[];
  usage: Usage;
  text2sql: { valid: boolean; dialect: string; error: string | null };
}

export function askForSql({ text, model, schema, dialect, strict }: Question) {
  const body = {
    model,
    messages: [{ role: "user", content: text }],
    ...(schema.trim() && { schema }),
    ...(dialect && { dialect }),
    ...(strict && { validation: "strict" }),
  };
  return statement.run(async (signal) => {
    const start = performance.now();
    const answer = await askJson<Answer>("text2sql", { body, signal, within: LONG });
    noteUsage(answer.usage);
    return {
      ...answer.text2sql,
      sql: unfenced(answer.choices[0]?.message.content ?? ""),
      model: answer.model,
      tokens: answer.usage.completion_tokens,
      milliseconds: performance.now() - start,
    };
  });
}
