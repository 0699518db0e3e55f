//! The ports that are served, and what each is for.

use smolecho::{Listener, Node, Protocol, TcpService, UdpService};
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::cli::Serve;
use crate::fault::Fault;
use crate::report::Report;

/// Echo, and the small services beside it, over these protocols.
pub(crate) struct Services {
    protocols: Vec<Protocol>,
    /// Echo comes first.
    offers: Vec<Offer>,
}

#[derive(Clone, Copy)]
pub(crate) struct Offer {
    option: &'static str,
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    flow: TcpService,
    service: UdpService,
}

impl Services {
    pub(crate) fn new(options: &Serve) -> Result<Services, Fault> {
        let echo = Offer {
            option: "--port",
            name: "echo",
            port: options.port,
            flow: options.flow.into(),
            service: UdpService::Echo,
        };
        let discard = options.discard.map(|port| Offer {
            option: "--discard",
            name: "discard",
            port,
            flow: TcpService::Discard,
            service: UdpService::Discard,
        });
        let chargen = options.chargen.map(|port| Offer {
            option: "--chargen",
            name: "chargen",
            port,
            flow: TcpService::Chargen,
            service: UdpService::Chargen,
        });
        let offers: Vec<Offer> = [Some(echo), discard, chargen].into_iter().flatten().collect();
        for (i, offer) in offers.iter().enumerate() {
            if let Some(other) = offers[..i].iter().find(|other| other.port == offer.port) {
                return Err(Fault::usage(format!(
                    "{} {}: that is {} already; another port would do",
                    offer.option, offer.port, other.option
                )));
            }
        }
        let protocols = options.proto.iter().map(|name| Protocol::from(*name));
        let mut protocols: Vec<Protocol> = protocols.collect();
        protocols.sort_by_key(|protocol| *protocol == Protocol::Udp);
        protocols.dedup();
        Ok(Services { protocols, offers })
    }

    pub(crate) fn has(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    /// `bind` and `listen`.
    pub(crate) fn open(&self, node: &mut Node<'_>, options: &Serve) -> Result<(), Fault> {
        for Offer { option, port, flow, service, .. } in &self.offers {
            if self.has(Protocol::Tcp) {
                let mut listener = Listener::new(*port, options.backlog).service(*flow);
                listener.when_full = options.when_full.into();
                node.listen(listener)
                    .map_err(|error| Fault::usage(format!("{option} {port}: {error}")))?;
            }
            if self.has(Protocol::Udp) {
                node.bind(*port, *service)
                    .map_err(|error| Fault::usage(format!("{option} {port}: {error}")))?;
            }
        }
        Ok(())
    }

    /// Says what is served at an address.
    pub(crate) fn announce(&self, address: IpAddress, report: &mut Report) {
        for offer in &self.offers {
            let local = IpEndpoint::new(address, offer.port);
            report.listening(local, offer, &self.protocols);
        }
    }
}
