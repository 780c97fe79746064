//! The lines that cqrs-es asks of every aggregate and that are the same for all of ours.

/// Implements cqrs-es' `Aggregate` and `DomainEvent` for an aggregate that has `decide` (through [`crate::root::Root`]) and
/// `fold(&mut self, &Event)`.
macro_rules! cqrs_glue {
    ($aggregate:ty, $command:ty, $event:ty, $error:ty, $kind:ident) => {
        impl cqrs_es::Aggregate for $aggregate {
            const TYPE: &'static str = $crate::stream::StreamType::$kind.name();
            type Command = $command;
            type Event = $event;
            type Error = $error;
            type Services = ();

            async fn handle(
                &mut self,
                command: Self::Command,
                (): &(),
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), Self::Error> {
                $crate::root::decide_and_write(self, command, sink).await
            }

            fn apply(&mut self, event: Self::Event) {
                self.fold(&event);
            }
        }

        impl cqrs_es::DomainEvent for $event {
            fn event_type(&self) -> String {
                <&'static str>::from(self).to_owned()
            }

            fn event_version(&self) -> String {
                $crate::event::VERSION.to_string()
            }
        }
    };
}

pub(crate) use cqrs_glue;
