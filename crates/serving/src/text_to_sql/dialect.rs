//! Whose SQL it is.

use sqlparser::dialect;

/// Declares the dialects: the name on the wire, other names for it, what people call it, and the parser's type.
macro_rules! dialects {
    ($($name:ident $wire:literal $(| $alias:literal)* $title:literal $parser:ident),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum Dialect {
            $($name),+,
            /// The demo model's, and what models for SQL are mostly trained on.
            #[default]
            Sqlite,
        }

        impl Dialect {
            /// In words, for whoever named another.
            pub const NAMES: &'static str = concat!($($wire, ", "),+, "or sqlite");

            pub fn named(name: &str) -> Option<Self> {
                match name.to_ascii_lowercase().as_str() {
                    $($wire $(| $alias)* => Some(Self::$name),)+
                    "sqlite" | "sqlite3" => Some(Self::Sqlite),
                    _ => None,
                }
            }

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)+
                    Self::Sqlite => "sqlite",
                }
            }

            /// As its makers write it.
            pub(super) const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                    Self::Sqlite => "SQLite",
                }
            }

            pub(super) fn parser(self) -> Box<dyn dialect::Dialect> {
                match self {
                    $(Self::$name => Box::new(dialect::$parser {}),)+
                    Self::Sqlite => Box::new(dialect::SQLiteDialect {}),
                }
            }
        }
    };
}

dialects! {
    Ansi "ansi" "ANSI SQL" AnsiDialect,
    BigQuery "bigquery" "BigQuery" BigQueryDialect,
    ClickHouse "clickhouse" "ClickHouse" ClickHouseDialect,
    Databricks "databricks" "Databricks" DatabricksDialect,
    DuckDb "duckdb" "DuckDB" DuckDbDialect,
    Generic "generic" "SQL" GenericDialect,
    Hive "hive" "Hive" HiveDialect,
    MsSql "mssql" | "sqlserver" | "tsql" "Microsoft SQL Server" MsSqlDialect,
    MySql "mysql" | "mariadb" "MySQL" MySqlDialect,
    Oracle "oracle" "Oracle" OracleDialect,
    PostgreSql "postgresql" | "postgres" "PostgreSQL" PostgreSqlDialect,
    Redshift "redshift" "Redshift" RedshiftSqlDialect,
    Snowflake "snowflake" "Snowflake" SnowflakeDialect,
}
