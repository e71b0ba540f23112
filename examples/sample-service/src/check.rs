//! The health check of a container: one request to the service beside it.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Succeeds where the service answers this path with a status below 400.
pub(crate) async fn run(port: Option<&str>, path: &str) -> anyhow::Result<()> {
    let port = port.unwrap_or_default();
    let port: u16 = port
        .parse()
        .with_context(|| format!("`PORT` is `{port}`: expected the service's port"))?;
    let answer = tokio::time::timeout(PATIENCE, ask(port, path));
    let answer = answer.await.context("the service does not answer")??;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    match status.parse() {
        Ok(100..=399) => Ok(()),
        Ok(400_u16..) | Ok(0..=99) | Err(_) => bail!("`{path}` is answered with `{status}`"),
    }
}

async fn ask(port: u16, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
