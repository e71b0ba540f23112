//! AfterAllowTraffic: green must be healthy and answer the configured requests through the production listener, while blue still
//! lives.

use rules::test_traffic::Through;
use traffic::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), |_, _| Some(()));
    let handler = Handler::new(
        Through::ProductionListener,
        start,
        &aws::Session::from_env().await,
    );
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
