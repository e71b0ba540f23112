//! After the shift of production traffic, green must be healthy and answer the configured requests through the production listener:
//! AfterAllowTraffic of CodeDeploy and the stage after the shift of ECS's native strategies, while blue still lives; after a rolling
//! update, which has no blue, the service goes back.

use rules::environment::Scheduling;
use traffic::RollingGate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), Scheduling::read);
    let gate = RollingGate::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| gate.handle(event, deadline)).await
}
