//! Errors of the node's operations: one small enum for each.

use crate::named::named;

named! {
    /// Why [`Node::listen`](crate::Node::listen) failed.
    ListenError {
        /// Port 0 is reserved.
        Port = "port 0 cannot be listened on",
        /// A backlog of 0 admits no handshake; use at least 1.
        Backlog = "a backlog of 0 admits no connection",
        /// The port already has a listener.
        InUse = "the port already has a listener",
        /// The node has as many listeners as it can hold: 4.
        TooMany = "no room for one more listener",
    }
}

named! {
    /// Why [`Node::bind`](crate::Node::bind) failed.
    BindError {
        /// Port 0 is reserved.
        Port = "port 0 cannot be bound",
        /// The port is already bound.
        InUse = "the port is already bound",
        /// Every port of the [`DatagramStorage`](crate::DatagramStorage) is in use.
        NoPort = "every port of the memory is bound",
    }
}

named! {
    /// Why [`Node::connect`](crate::Node::connect) or [`Node::query`](crate::Node::query) failed.
    ConnectError {
        /// The remote port is 0, or the remote address is not unicast or is the node's own.
        Unaddressable = "the remote address or port cannot be a peer's",
        /// The node has no address of the remote address's family yet.
        NoAddress = "the node has no address of this family yet",
        /// Every slot is in use, or for a query every port of the memory. Try again later.
        NoSlot = "every slot is in use",
        /// No free ephemeral port was found. Try again later.
        NoPort = "no local port is free",
        /// The datagram is larger than a transmit buffer, or than the device's MTU allows.
        TooLarge = "the datagram is too large",
    }
}

impl core::error::Error for ListenError {}
impl core::error::Error for BindError {}
impl core::error::Error for ConnectError {}
