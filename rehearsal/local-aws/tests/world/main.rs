//! The local AWS from outside: a world with the sample service, used over HTTP as AWS is.

#[cfg(test)]
mod alarms;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod blue_green;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod created_services;
#[cfg(test)]
mod deploying;
#[cfg(test)]
mod ec2;
#[cfg(test)]
mod ecs;
#[cfg(test)]
mod elb;
#[cfg(test)]
mod fixed_responses;
mod functions;
#[cfg(test)]
mod history;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod odd_requests;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod registries;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod scaled;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod secure_listeners;
#[cfg(test)]
mod service_assumptions;
#[cfg(test)]
mod service_containers;
#[cfg(test)]
mod service_deployments;
#[cfg(test)]
mod service_hooks;
#[cfg(test)]
mod service_moved;
#[cfg(test)]
mod service_roles;
#[cfg(test)]
mod service_rolling;
#[cfg(test)]
mod set_up;
#[cfg(test)]
mod stacks;
#[cfg(test)]
mod target_groups;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod topics;
