//! Links between members, on real sockets.

mod authority;
mod broken;
mod links;
mod port;
mod proxy;
mod refused;
mod rig;
mod snapshots;
mod tls;
