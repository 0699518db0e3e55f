//! The usual server over smoltcp: sockets that listen on one port, each served when it can be read. It
//! shows what the oracles find where the product's remedies are not.

use smolecho::phy::Device;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr};

use crate::plan::Mutation;
use crate::station::{PORT, mac};

/// Sockets that listen at once.
pub(crate) const SOCKETS: usize = 4;

const BUFFER: usize = 4096;

/// Past 65,535 bytes smoltcp scales its window, and rounds it down.
const WIDE: usize = 66_001;

/// What `set_timeout` is set to: shorter than the product's idle deadline, as one would for a stall.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Usual {
    iface: Interface,
    sockets: SocketSet<'static>,
    streams: Vec<SocketHandle>,
    datagrams: SocketHandle,
    mutation: Mutation,
}

impl Usual {
    /// Its memory is never given back: it is for tests.
    pub(crate) fn new(
        addresses: &[IpCidr],
        seed: u64,
        mutation: Mutation,
        device: &mut impl Device,
    ) -> Usual {
        let mut config = Config::new(HardwareAddress::Ethernet(mac(0)));
        config.random_seed = seed;
        let mut iface = Interface::new(config, device, Instant::ZERO);
        iface.update_ip_addrs(|own| {
            for cidr in addresses {
                let _ = own.push(*cidr);
            }
        });
        let bytes = |len: usize| vec![0; len].leak();
        let mut sockets =
            SocketSet::new(Box::leak(Box::new([SocketStorage::EMPTY; SOCKETS + 1])) as &mut [_]);
        let streams = (0..SOCKETS).map(|_| {
            let rx = if mutation == Mutation::WideServer { WIDE } else { BUFFER };
            let [rx, tx] = [rx, BUFFER].map(|len| tcp::SocketBuffer::new(bytes(len)));
            let mut socket = tcp::Socket::new(rx, tx);
            socket.set_timeout((mutation == Mutation::TimeoutServer).then_some(TIMEOUT));
            sockets.add(socket)
        });
        let streams = streams.collect();
        let [rx, tx] = [(); 2].map(|()| {
            let metadata = Vec::leak(vec![udp::PacketMetadata::EMPTY; 8]);
            udp::PacketBuffer::new(metadata, bytes(8 * 1472))
        });
        let mut socket = udp::Socket::new(rx, tx);
        let _ = socket.bind(PORT);
        let datagrams = sockets.add(socket);
        Usual { iface, sockets, streams, datagrams, mutation }
    }

    pub(crate) fn poll(&mut self, now: Instant, device: &mut impl Device) {
        self.iface.poll(now, device, &mut self.sockets);
        let mut data = [0; BUFFER];
        for handle in &self.streams {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*handle);
            let is_patient = self.mutation == Mutation::PatientServer;
            let waits = is_patient && socket.state() == tcp::State::TimeWait;
            if !socket.is_open() && !waits {
                let _ = socket.listen(PORT);
            }
            let room = socket.send_capacity() - socket.send_queue();
            let is_careless = self.mutation == Mutation::CarelessServer;
            let most = if is_careless { data.len() } else { room };
            if let Ok(len @ 1..) = socket.recv_slice(&mut data[..most]) {
                let _ = socket.send_slice(&data[..len]);
                if is_patient {
                    socket.close();
                }
            }
            if socket.may_send() && !socket.may_recv() && socket.recv_queue() == 0 {
                socket.close();
            }
        }
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.datagrams);
        if socket.can_send()
            && let Ok((len, from)) = socket.recv_slice(&mut data)
        {
            let _ = socket.send_slice(&data[..len], from);
        }
        self.iface.poll(now, device, &mut self.sockets);
    }

    pub(crate) fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.iface.poll_at(now, &self.sockets)
    }

    /// Sockets that wait for somebody.
    pub(crate) fn listening(&self) -> usize {
        let is_listening = |handle: &&SocketHandle| {
            let state = self.sockets.get::<tcp::Socket<'_>>(**handle).state();
            matches!(state, tcp::State::Listen | tcp::State::Closed)
        };
        self.streams.iter().filter(is_listening).count()
    }
}
