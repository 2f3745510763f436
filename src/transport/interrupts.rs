//! Ctrl-C, a polite kill and a terminal that is closed, as one stream.

/// See the module.
pub struct Interrupts {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl Interrupts {
    /// Takes the signals over from the default action.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
            #[cfg(unix)]
            hang_up: None,
        })
    }

    /// The end of the terminal is one of them, too: for programs that have something to give back.
    ///
    /// # Errors
    /// The system's.
    pub fn with_hang_up(self) -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            hang_up: Some(tokio::signal::unix::signal(
                tokio::signal::unix::SignalKind::hangup(),
            )?),
            ..self
        })
    }

    /// Waits for the next one but Ctrl-C, which is meant for a program that was stepped aside for.
    pub async fn next_but_ctrl_c(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            () = hung_up(&mut self.hang_up) => {}
        }
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
            () = hung_up(&mut self.hang_up) => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(unix)]
async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The terminal's window has another size.
pub struct WindowChanges {
    #[cfg(unix)]
    changes: tokio::signal::unix::Signal,
}

impl WindowChanges {
    /// Takes the signal over.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            changes: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())?,
        })
    }

    /// Waits for the next change.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        if self.changes.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}
