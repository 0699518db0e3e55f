//! The services on their ports.

use smolecho::{Listener, Node, Protocol, TcpService, UdpService};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::options::Serve;
use crate::args::shared::Proto;
use crate::fault::Fault;
use crate::output::report::Report;

/// Echo and the small services, over TCP, UDP or both.
pub(crate) struct Services {
    protocols: Vec<Protocol>,
    /// The first is echo.
    offers: Vec<Offer>,
}

struct Offer {
    option: &'static str,
    name: &'static str,
    port: u16,
    tcp: TcpService,
    udp: UdpService,
}

impl Services {
    pub(super) fn new(options: &Serve) -> Result<Services, Fault> {
        let echo = Offer {
            option: "--port",
            name: "echo",
            port: options.port,
            tcp: options.flow.into(),
            udp: UdpService::Echo,
        };
        let discard = options.discard.map(|port| Offer {
            option: "--discard",
            name: "discard",
            port,
            tcp: TcpService::Discard,
            udp: UdpService::Discard,
        });
        let chargen = options.chargen.map(|port| Offer {
            option: "--chargen",
            name: "chargen",
            port,
            tcp: TcpService::Chargen,
            udp: UdpService::Chargen,
        });
        let offers: Vec<Offer> = [Some(echo), discard, chargen].into_iter().flatten().collect();
        for (i, offer) in offers.iter().enumerate() {
            if let Some(other) = offers[..i].iter().find(|other| other.port == offer.port) {
                return Err(Fault::usage(format!(
                    "{} {}: {} uses this port already; another port would do",
                    offer.option, offer.port, other.option
                )));
            }
        }
        let protocols = [Proto::Tcp, Proto::Udp].into_iter();
        let protocols = protocols.filter(|it| options.protocols.has(*it)).map(Protocol::from);
        Ok(Services { protocols: protocols.collect(), offers })
    }

    pub(super) fn has(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    /// `bind` and `listen`.
    pub(super) fn open(&self, node: &mut Node<'_>, options: &Serve) -> Result<(), Fault> {
        for Offer { option, port, tcp, udp, .. } in &self.offers {
            if self.has(Protocol::Tcp) {
                let mut listener = Listener::new(*port, options.backlog).service(*tcp);
                listener.when_full = options.when_full.into();
                node.listen(listener)
                    .map_err(|error| Fault::usage(format!("{option} {port}: {error}")))?;
            }
            if self.has(Protocol::Udp) {
                node.bind(*port, *udp)
                    .map_err(|error| Fault::usage(format!("{option} {port}: {error}")))?;
            }
        }
        Ok(())
    }

    /// Reports the services at an address.
    pub(super) fn announce(&self, address: IpAddress, report: &mut Report) {
        for offer in &self.offers {
            let local = IpEndpoint::new(address, offer.port);
            report.listening(local, offer.name, &self.protocols);
        }
    }
}
