//! What is on the stack's own event bus.

use local_aws::world::World;
use record::BusEvent;

use super::redact::Redactor;

pub(super) fn bus_events(world: &World, redactor: &Redactor) -> Vec<BusEvent> {
    let events = world.custom_buses.events().into_iter();
    let events = events.map(|on_bus| BusEvent {
        bus: on_bus.bus,
        event: redactor.document(on_bus.event),
    });
    events.collect()
}
