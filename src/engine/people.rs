//! Who is attached, and who may act: one console holds the pen, the others watch.

use std::fmt::Write as _;

use super::clock;
use super::dispatcher::{Dispatcher, Inner};
use crate::event::{EventBody, Severity, Who};
use crate::protocol::{Hello, Push, Refusal, Request, Role};
use crate::run_state::Attached;
use crate::text;

const COMPONENT: &str = "TSManager";

impl Dispatcher {
    /// A client that looks on has come. The first console gets the pen.
    pub fn attach(&self, client: Attached) {
        let mut inner = self.lock();
        let line = format!("{} is attached", describe(&client));
        let people = &mut inner.state.people;
        let pen = client.may_act && people.holder().is_none();
        if pen {
            people.pen = Some(client.who.client);
        }
        let holds = format!("{} has the pen", client.who.name);
        people.attached.push(client);
        self.tell(&mut inner, &line);
        if pen {
            self.tell(&mut inner, &holds);
        }
    }

    /// A client has left; its pen lies free.
    pub fn detach(&self, client: u32) {
        let mut inner = self.lock();
        let people = &mut inner.state.people;
        let Some(at) = people.attached.iter().position(|a| a.who.client == client) else {
            return;
        };
        let gone = people.attached.remove(at);
        let mut line = format!("{} has left", describe(&gone));
        if people.pen == Some(client) {
            people.pen = None;
            line.push_str(", and its pen lies free");
        }
        self.tell(&mut inner, &line);
    }

    /// A client's terminal has another size.
    pub fn resized(&self, client: u32, size: (u16, u16)) {
        let mut inner = self.lock();
        let found = inner
            .state
            .people
            .attached
            .iter_mut()
            .find(|a| a.who.client == client && a.size != size);
        if let Some(found) = found {
            found.size = size;
            self.push(Push::People(inner.state.people.clone()));
        }
    }

    /// A client's console has stepped aside for a shell, or is back from it.
    pub fn shell(&self, who: &Who, open: bool) {
        let mut inner = self.lock();
        if inner.busy {
            let by = who.clone();
            self.emit_locked(&mut inner, EventBody::ShellChanged { open, by });
        }
        let what = if open {
            "opened a shell on the machine"
        } else {
            "came back from the shell"
        };
        let line = format!("{} {what}", who.name);
        self.log_locked(&mut inner, Severity::Warning, COMPONENT, &line, None);
    }

    fn tell(&self, inner: &mut Inner, line: &str) {
        self.log_locked(inner, Severity::Info, COMPONENT, line, None);
        self.push(Push::People(inner.state.people.clone()));
    }

    /// Whether a client may ask for this. A console that acts while the pen lies free takes it.
    ///
    /// # Errors
    /// [`Refusal::OnlyWatching`], [`Refusal::NoPen`].
    pub fn allow(&self, who: &Who, role: Role, request: &Request) -> Result<(), Refusal> {
        if request.only_reads() || role == Role::Tool {
            return Ok(());
        }
        if role == Role::Watcher {
            return Err(Refusal::OnlyWatching);
        }
        let mut inner = self.lock();
        let holder = inner.state.people.holder().map(|a| a.who.clone());
        match holder {
            Some(holder) if holder.client == who.client => Ok(()),
            Some(holder) if !matches!(request, Request::TakePen) => {
                Err(Refusal::NoPen(holder.name))
            }
            _ => {
                let people = &mut inner.state.people;
                if !people.attached.iter().any(|a| a.who.client == who.client) {
                    // It does not look on, so nobody could see it hold the pen or leave it.
                    return Ok(());
                }
                people.pen = Some(who.client);
                let by = who.clone();
                self.emit_locked(&mut inner, EventBody::PenTaken { by });
                let line = match holder {
                    Some(holder) => format!("{} took the pen from {}", who.name, holder.name),
                    None => format!("{} took the pen, which lay free", who.name),
                };
                self.log_locked(&mut inner, Severity::Info, COMPONENT, &line, None);
                self.push(Push::People(inner.state.people.clone()));
                Ok(())
            }
        }
    }
}

/// Who a client is, for people: the user by the socket's own word, and the name that was logged on with when it is
/// another; the host it comes from, when that is not this machine; and what it is, with its terminal.
pub fn name(hello: &Hello, user: Option<&str>) -> String {
    let clean = |said: &str| text::shorten(&text::harmless(said), 80).into_owned();
    let (what, from, login) = (clean(&hello.name), clean(&hello.from), clean(&hello.login));
    let user = user.unwrap_or("somebody");
    let mut name = if login.is_empty() || login == user {
        user.to_owned()
    } else {
        format!("{login} as {user}")
    };
    if !from.is_empty() {
        let _ = write!(name, "@{from}");
    }
    let _ = write!(name, " ({what})");
    name
}

/// "root@10.0.0.7 (console on /dev/pts/3), 80x24".
fn describe(client: &Attached) -> String {
    let mut text = client.who.name.clone();
    if client.size.0 > 0 {
        let _ = write!(text, ", {}x{}", client.size.0, client.size.1);
    }
    if !client.may_act {
        text.push_str(", looking on");
    }
    text
}

/// What the engine keeps of a client's hello.
pub fn attached(who: Who, role: Role, from: String, size: (u16, u16)) -> Attached {
    Attached {
        who,
        from,
        size,
        may_act: role == Role::Console,
        since: clock::now(),
    }
}
