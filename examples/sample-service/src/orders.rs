//! Orders: what the service keeps in its database.

use std::path::Path;

use anyhow::Context;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::migrations;

/// The orders of one database, as one version of the service sees them.
pub(crate) struct Orders {
    connection: Connection,
    uses_status: bool,
}

/// What a customer wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewOrder {
    item: String,
    quantity: i64,
}

impl NewOrder {
    /// Reads the body of a `POST /orders`; the error says what was expected.
    pub(crate) fn parse(body: &[u8]) -> Result<NewOrder, String> {
        let expected = "expected a JSON object such as {\"item\": \"teapot\", \"quantity\": 1}";
        let body: Value =
            serde_json::from_slice(body).map_err(|error| format!("{error}: {expected}"))?;
        let item = body["item"].as_str().filter(|item| !item.is_empty());
        let quantity = body["quantity"].as_i64().filter(|quantity| *quantity > 0);
        match (item, quantity) {
            (Some(item), Some(quantity)) => Ok(NewOrder {
                item: item.to_owned(),
                quantity,
            }),
            _ => Err(expected.to_owned()),
        }
    }
}

impl Orders {
    pub(crate) fn open(database: &Path, uses_status: bool) -> anyhow::Result<Orders> {
        Ok(Orders {
            connection: migrations::open(database)?,
            uses_status,
        })
    }

    /// How many orders there are, and the latest ten.
    pub(crate) fn list(&self) -> anyhow::Result<Value> {
        let count: i64 = self
            .connection
            .query_row("SELECT count(*) FROM orders", [], |row| row.get(0))?;
        let latest = if self.uses_status {
            "SELECT id, item, quantity, status FROM orders ORDER BY id DESC LIMIT 10"
        } else {
            "SELECT id, item, quantity FROM orders ORDER BY id DESC LIMIT 10"
        };
        let mut statement = self.connection.prepare_cached(latest)?;
        let uses_status = self.uses_status;
        let orders = statement.query_map([], |row| {
            let mut order = json!({
                "id": row.get::<_, i64>(0)?,
                "item": row.get::<_, String>(1)?,
                "quantity": row.get::<_, i64>(2)?,
            });
            if uses_status {
                order["status"] = json!(row.get::<_, String>(3)?);
            }
            Ok(order)
        })?;
        let orders = orders
            .collect::<Result<Vec<Value>, _>>()
            .context("read orders")?;
        Ok(json!({ "count": count, "orders": orders }))
    }

    /// Takes an order in and answers its number.
    pub(crate) fn add(&self, order: &NewOrder) -> anyhow::Result<i64> {
        let insert = if self.uses_status {
            "INSERT INTO orders (item, quantity, status) VALUES (?1, ?2, 'new')"
        } else {
            "INSERT INTO orders (item, quantity) VALUES (?1, ?2)"
        };
        self.connection
            .prepare_cached(insert)?
            .execute((&order.item, order.quantity))?;
        Ok(self.connection.last_insert_rowid())
    }
}
