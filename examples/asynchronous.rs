//! The same over tokio: a framing as the codec of `Framed`, LSP's messages as JSON.
//!
//! `cargo run --example asynchronous`

use std::error::Error;

use framing::{Config, ContentLength, FrameCodec};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(talk())
}

async fn talk() -> Result<(), Box<dyn Error>> {
    let config = Config::new(ContentLength::lsp()).max_payload(1 << 20);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;

    let server = async {
        let (socket, _) = listener.accept().await?;
        let mut peer = Framed::new(socket, FrameCodec::new(&config)?);
        while let Some(message) = peer.next().await {
            let request: Value = serde_json::from_slice(&message?)?;
            let answer = json!({ "id": request["id"], "result": request["method"] });
            peer.send(answer.to_string()).await?;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let client = async {
        let socket = TcpStream::connect(address).await?;
        let mut peer = Framed::new(socket, FrameCodec::new(&config)?);
        for (id, method) in ["initialize", "shutdown"].into_iter().enumerate() {
            peer.send(json!({ "id": id, "method": method }).to_string()).await?;
            let answer = peer.next().await.ok_or("the server has left")??;
            println!("{}", std::str::from_utf8(&answer)?);
            assert_eq!(serde_json::from_slice::<Value>(&answer)?["result"], method);
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let (here, there) = tokio::join!(server, client);
    here.and(there)
}
