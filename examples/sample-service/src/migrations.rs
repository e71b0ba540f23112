//! The database's schema, in versions.
//!
//! Blue and green share the database, so a migration must leave the version before it working: migration 2 adds a
//! column with a default, which version 1.0.0 neither reads nor writes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::misbehaviour::Misbehaviour;
use crate::settings::Settings;

struct Migration {
    version: i64,
    name: &'static str,
    statements: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration {
        version: 1,
        name: "create table `orders`",
        statements: "
            CREATE TABLE orders (
                id INTEGER PRIMARY KEY,
                item TEXT NOT NULL,
                quantity INTEGER NOT NULL CHECK (quantity > 0)
            );",
    },
    Migration {
        version: 2,
        name: "add column `orders.status`",
        statements: "
            ALTER TABLE orders ADD COLUMN status TEXT NOT NULL DEFAULT 'new';
            UPDATE orders SET status = 'shipped';
            CREATE INDEX orders_by_status ON orders (status);",
    },
];

/// What a broken migration does after its first statements: it reads a table that nobody created.
const BROKEN_STATEMENT: &str =
    "UPDATE orders SET status = (SELECT status FROM order_history WHERE order_id = id);";

/// Opens the database so that several processes can work on it at once.
pub(crate) fn open(database: &Path) -> anyhow::Result<Connection> {
    let opened = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        Ok(connection)
    };
    opened().with_context(|| format!("open the database `{}`", database.display()))
}

/// Applies what this version needs and the database lacks; all of it, or none.
pub(crate) fn migrate(settings: &Settings, say: impl Fn(&str)) -> anyhow::Result<()> {
    let mut connection = open(&settings.database)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let current = schema_version(&transaction)?;
    let wanted = settings.schema;
    let breaks = settings
        .misbehaviours
        .contains(&Misbehaviour::FailsMigration);
    let due: Vec<&Migration> = MIGRATIONS
        .iter()
        .filter(|m| m.version > current && m.version <= wanted)
        .collect();
    if due.is_empty() {
        say(&format!(
            "nothing to do: the schema is at version {current}"
        ));
        return Ok(());
    }
    for migration in &due {
        let result = apply(
            &transaction,
            migration,
            breaks && migration.version == wanted,
        );
        result.with_context(|| {
            format!(
                "migration {} ({}) failed",
                migration.version, migration.name
            )
        })?;
    }
    transaction.commit().context("commit the migrations")?;
    for migration in due {
        say(&format!(
            "applied migration {}: {}",
            migration.version, migration.name
        ));
    }
    Ok(())
}

fn apply(transaction: &Transaction<'_>, migration: &Migration, breaks: bool) -> anyhow::Result<()> {
    transaction.execute_batch(migration.statements)?;
    if breaks {
        transaction.execute_batch(BROKEN_STATEMENT)?;
        bail!("the broken statement worked");
    }
    transaction.execute(
        "UPDATE schema_version SET version = ?1",
        [migration.version],
    )?;
    Ok(())
}

fn schema_version(transaction: &Transaction<'_>) -> anyhow::Result<i64> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL);
         INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version);",
    )?;
    transaction
        .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
        .context("read the schema's version")
}
