//! The traffic gates, check-test-traffic and check-production: green, and green alone, must answer through a listener.

mod check;
mod codedeploy;
mod handler;
mod health;
mod native;
mod prepared;
mod requests;
mod rolling;
mod stopwatch;
#[cfg(test)]
mod tls;

pub use handler::Handler;
pub use rolling::RollingGate;
