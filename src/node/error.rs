//! Why a request to the node fails: one small enum per operation.

use core::fmt;

macro_rules! errors {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$variant => $text,)* })
            }
        }

        impl core::error::Error for $name {}
    };
}

errors! {
    /// Why a port cannot be listened on.
    ListenError {
        /// Port 0 is no port.
        Port = "port 0 cannot be listened on",
        /// A backlog of 0 would let nobody in.
        Backlog = "a backlog of 0 lets nobody in",
        /// The port has a listener already.
        InUse = "the port is listened on already",
        /// The node's list of listeners is full.
        TooMany = "no room for one more listener",
    }
}

errors! {
    /// Why a port cannot be bound.
    BindError {
        /// Port 0 is no port.
        Port = "port 0 cannot be bound",
        /// The port is bound already.
        InUse = "the port is bound already",
        /// No memory for one more port: see `DatagramStorage`.
        NoPort = "no memory for one more port",
    }
}

errors! {
    /// Why a connection, or a query, cannot be begun.
    ConnectError {
        /// The remote port is 0, or its address not that of another host.
        Unaddressable = "nobody can be connected to there",
        /// The node has no address of that family yet.
        NoAddress = "no address of our own to connect from",
        /// Every slot, or for a query every port, is taken: wait until one is free.
        NoSlot = "every slot is taken",
        /// Every port that was tried is taken.
        NoPort = "no local port is free",
        /// The datagram is larger than the memory for it, or than the path takes.
        TooLarge = "the datagram is too large",
    }
}
