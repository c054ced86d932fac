#![cfg(feature = "testing")]
//! The systems that operations manuals speak of, for real: servers are installed, started, run,
//! broken and repaired by the runbooks under `runbooks/`, each on folders, sockets and ports of its
//! own. What they need is installed by `tests/systems/install`; never by a test.

use std::cell::Cell;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fixture::{self, Fixture, Invocation, Outcome, helper, skip, which};
use crate::pty::{Desk, Pty};

/// One system on a folder of its own, and the runbooks that are for it.
struct System {
    fixture: Fixture,
    name: &'static str,
    packages: PathBuf,
    // Seconds of the clock: the run that begins later is the last one.
    clock: Cell<u32>,
    // Two systems at once are too much for a small machine.
    _turn: MutexGuard<'static, ()>,
}

impl System {
    /// Returns the system before anything is installed; `None` where this machine lacks something.
    fn new(name: &'static str, programs: &[&str]) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let packages = packages();
        let mut missing: Vec<&str> = programs.to_vec();
        missing.retain(|it| which(it).is_none());
        if packages.is_none() {
            missing.push("the Python packages");
        }
        if !missing.is_empty() {
            let missing = missing.join(", ");
            skip(&format!(
                "`tests/systems/install` installs what is missing: {missing}"
            ));
            return None;
        }
        let fixture = Fixture::new();
        // The database server runs as another user, who has to get through.
        fs::set_permissions(fixture.path(""), fs::Permissions::from_mode(0o711)).unwrap();
        Some(Self {
            fixture,
            name,
            packages: packages?,
            clock: Cell::new(1_800_000_000),
            _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// Returns the arguments that run sections of a runbook of this system.
    fn arguments(&self, document: &str, more: &[&str]) -> Vec<String> {
        let document = root().join("runbooks").join(self.name).join(document);
        let mut words = vec!["run".to_owned(), document.display().to_string()];
        words.extend(more.iter().map(|&it| it.to_owned()));
        words.extend(["--inputs".to_owned(), self.inputs()]);
        words
    }

    /// Returns the file that the system's own runbook writes its credentials to.
    fn inputs(&self) -> String {
        self.place(&format!("{}.env", self.name))
            .display()
            .to_string()
    }

    /// Returns a path in the folder of the system.
    fn place(&self, name: &str) -> PathBuf {
        self.fixture.path("sitio").join(name)
    }

    /// Writes the credentials, with ports of these names that nobody has.
    fn credentials(&self, names: &[&str], more: &[&str]) {
        let document = root()
            .join("runbooks")
            .join(self.name)
            .join("credenciales.md");
        let mut words = vec!["run".to_owned(), document.display().to_string()];
        let mut set = |name: &str, value: String| {
            words.extend(["--set".to_owned(), format!("{name}={value}")]);
        };
        set("lugar", self.fixture.path("sitio").display().to_string());
        set("entorno", self.packages.display().to_string());
        for (name, port) in names.iter().zip(ports(names.len())) {
            set(name, port.to_string());
        }
        words.extend(more.iter().map(|&it| it.to_owned()));
        self.command(&words).run().code(0);
    }

    /// Returns a command that begins a run.
    fn command(&self, words: &[String]) -> Invocation<'_> {
        self.clock.set(self.clock.get() + 1);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let clock = self.clock.get().to_string();
        self.fixture
            .command(&words)
            .env("RUNBOOK_TEST_CLOCK", clock)
    }

    /// Runs sections of a runbook of this system.
    #[track_caller]
    fn run(&self, document: &str, more: &[&str]) -> Outcome {
        self.command(&self.arguments(document, more)).run()
    }

    /// Runs sections, kills the engine once it has said `mark`, lets `meanwhile` happen, and goes on
    /// with the run.
    #[track_caller]
    fn run_killed(&self, words: (&str, &[&str]), mark: &str, meanwhile: impl Fn()) -> Outcome {
        let running = self.command(&self.arguments(words.0, words.1)).spawn();
        running.until_said(mark);
        running.kill().code(-9);
        meanwhile();
        self.fixture
            .run(&["resume", "last", "--inputs", &self.inputs()])
    }

    /// Runs sections of a runbook on a terminal; its runs are kept with all others.
    fn terminal(&self, desk: &mut Desk, document: &str, section: &str) -> Pty {
        self.clock.set(self.clock.get() + 1);
        desk.set("RUNBOOK_TEST_CLOCK", self.clock.get().to_string());
        desk.set("RUNBOOK_STATE", self.fixture.path("state"));
        desk.set("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/bin");
        let words = self.arguments(document, &[section]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        desk.terminal(&words)
    }

    /// Starts a script that sees the credentials: the hand that breaks something.
    fn start(&self, script: &str) -> Child {
        let script = format!("set -eu; set -a; . '{}'; set +a; {script}", self.inputs());
        #[expect(
            clippy::disallowed_methods,
            reason = "the test itself breaks something"
        )]
        let mut command = std::process::Command::new("timeout");
        command
            .args(["30", "bash", "-c", &script])
            .stdin(std::process::Stdio::null())
            .stdout(fs::File::create(self.fixture.path("said")).unwrap())
            .stderr(fs::File::create(self.fixture.path("said.err")).unwrap());
        fixture::spawn(&mut command)
    }

    /// Runs such a script to its end and returns what it printed.
    #[track_caller]
    fn by_hand(&self, script: &str) -> String {
        let status = fixture::wait(self.start(script));
        let said = self.fixture.read("said");
        let complaint = self.fixture.read("said.err");
        assert!(status.success(), "{script}\n{said}{complaint}");
        said.trim().to_owned()
    }

    /// Ends a service by the process number in this file, and waits until it is gone.
    #[track_caller]
    fn end(&self, signal: &str, file: &str) {
        self.by_hand(&format!(
            "read -r pid < \"$lugar/{file}\"; kill -{signal} \"$pid\"
             while kill -0 \"$pid\" 2> /dev/null; do sleep 0.05; done"
        ));
    }

    /// Holds what must hold at the end: every record is as it was written, and no secret is in one.
    #[track_caller]
    fn hold(&self, secrets: &[&str]) {
        let runs = self.fixture.runs();
        assert!(runs.len() > 10, "{runs:?}");
        for run in &runs {
            let id = run.file_name().unwrap().to_str().unwrap();
            self.fixture.run(&["verify", id]).code(0);
        }
        let inputs = fs::read_to_string(self.inputs()).unwrap();
        for name in secrets {
            let line = inputs
                .lines()
                .find(|it| it.starts_with(&format!("{name}=")));
            self.unrecorded(name, line.unwrap().split_once('=').unwrap().1);
        }
    }

    #[track_caller]
    fn unrecorded(&self, name: &str, value: &str) {
        assert!(value.len() >= 32, "{name}");
        let state = self.fixture.path("state").display().to_string();
        let is_found = helper("grep", &["-rqF", "--", value, &state]);
        assert!(!is_found, "{name} is in the record");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns so many ports that nobody has.
fn ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let port = |it: &TcpListener| it.local_addr().unwrap().port();
    listeners.iter().map(port).collect()
}

/// Returns the folder of the Python packages, where all that are wanted are in it.
fn packages() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let folder = set("RUNBOOK_SYSTEMS").or_else(|| Some(cache()?.join("runbook-ci/systems")))?;
    let there = fs::read(folder.join("requirements.txt")).ok()?;
    let wanted = fs::read(root().join("tests/systems/requirements.txt")).unwrap();
    (there == wanted).then_some(folder)
}

const TOKENS: &str = r#"for _ in $(seq 12); do
  printf '{"username": "cliente", "password": "%s"}' "$CLAVE_CLIENTE" |
    curl -sS -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' --data @- \
      "http://127.0.0.1:$puerto_web/api/auth/token/"
done"#;

/// Asks for a loan of so much and returns the status code.
fn loan(system: &System, amount: u32) -> String {
    system.by_hand(&format!(
        r#"curl -sS -o /dev/null -w '%{{http_code}}' -H @"$lugar/token.cabecera" \
          -H 'Content-Type: application/json' --data '{{"monto": {amount}, "meses": 6}}' \
          "http://127.0.0.1:$puerto_web/api/prestamos/""#
    ))
}

/// Returns the only cell of what the database says.
fn mariadb(system: &System, query: &str) -> String {
    system.by_hand(&format!(
        "MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb --no-defaults -S \"$lugar/mysql.sock\" -u root \
         -BN \"$MYSQL_NAME\" <<< \"{query}\""
    ))
}

#[test]
fn the_loans_system_is_installed_run_broken_and_repaired() {
    let programs = [
        "mariadbd",
        "mariadb-install-db",
        "mariadb-dump",
        "redis-server",
        "curl",
    ];
    let Some(system) = System::new("prestamos", &programs) else {
        return;
    };
    let names = ["puerto_db", "puerto_redis", "puerto_web"];
    system.credentials(&names, &["--set", "tasa=8/12"]);

    // Installed and started; the engine is killed in the middle of the migrations.
    let services = ("sistema.md", &["Instalación", "Servicios"][..]);
    system
        .run_killed(services, "5/10 Migraciones", || {})
        .code(0)
        .says("✓ passed");

    // Killed while it waits for a decision: the loan is asked for once, not twice.
    let pause = system.place("pausa");
    fs::write(&pause, "").unwrap();
    let test = ("sistema.md", &["Prueba"][..]);
    system
        .run_killed(test, "4/5 Aprobación", || fs::remove_file(&pause).unwrap())
        .code(0)
        .says("✓ passed");
    let asked = "SELECT COUNT(*) FROM prestamos_auditoria WHERE evento = 'PRESTAMO_CREADO'";
    assert_eq!(mariadb(&system, asked), "1");

    // A procedure that is not for this fault touches nothing.
    system
        .run("averias.md", &["MariaDB no conecta"])
        .code(1)
        .says("no es esta avería: el puerto contesta");

    system.end("TERM", "pid/mysql");
    system.run("averias.md", &["MariaDB no conecta"]).code(0);

    mariadb(
        &system,
        "ALTER USER $MYSQL_USER@'127.0.0.1' IDENTIFIED BY 'otra'",
    );
    system.run("averias.md", &["Contraseña rechazada"]).code(0);

    system.by_hand("echo 'Authorization: Bearer eyJ.no.vale' > \"$lugar/token.cabecera\"");
    system.run("averias.md", &["Token JWT inválido"]).code(0);

    // Without the broker a loan is written and nobody decides on it.
    system.end("TERM", "pid/redis");
    assert_eq!(loan(&system, 3000), "500");
    assert_eq!(loan(&system, 3000), "409");
    let state = "SELECT estado FROM prestamos_prestamo WHERE monto = 3000";
    assert_eq!(mariadb(&system, state), "PENDIENTE");
    system.run("averias.md", &["Corredor caído"]).code(0);
    assert_eq!(mariadb(&system, state), "APROBADO");

    // The worker is killed with a task in its hands.
    fs::write(&pause, "").unwrap();
    assert_eq!(loan(&system, 4000), "201");
    let state = "SELECT estado FROM prestamos_prestamo WHERE monto = 4000";
    system.fixture.until("the worker has begun", || {
        mariadb(&system, state) == "EN_EVALUACION"
    });
    system.end("KILL", "pid/worker");
    fs::remove_file(&pause).unwrap();
    system.run("averias.md", &["Worker muerto"]).code(0);
    let audit = "SELECT GROUP_CONCAT(a.evento ORDER BY a.id SEPARATOR ' ')
                 FROM prestamos_auditoria a JOIN prestamos_prestamo p ON p.id = a.prestamo_id
                 WHERE p.monto = 4000";
    assert_eq!(
        mariadb(&system, audit),
        "PRESTAMO_CREADO EVALUACION_EMPEZADA EVALUACION_REPETIDA PRESTAMO_APROBADO"
    );

    system.end("KILL", "pid/web");
    system.by_hand("while curl -s -o /dev/null \"http://127.0.0.1:$puerto_web/\"; do :; done");
    let section = "El frontend no conecta con el backend";
    system.run("averias.md", &[section]).code(0);

    assert!(system.by_hand(TOKENS).ends_with("429"));
    system.run("averias.md", &["Rate limit excedido"]).code(0);

    // A table is lost; what the repair throws away comes back from the copy.
    system.run("copias.md", &[]).code(0);
    let rows = mariadb(&system, "SELECT COUNT(*) FROM prestamos_auditoria");
    mariadb(&system, "DROP TABLE prestamos_auditoria");
    let section = "Error de migraciones";
    system
        .run("averias.md", &[section, "--allow", "destroys"])
        .code(2)
        .says("¿Borrar la base de datos de préstamos y empezar vacía?");
    let mut desk = Desk::new();
    let mut pty = system.terminal(&mut desk, "averias.md", section);
    pty.expect("Run all 5 steps?").expect(" > ").send("a\n");
    pty.expect("Type `migraciones-rehacer`").expect(" > ");
    pty.send("migraciones-rehacer\n").expect("✓ passed");
    assert_eq!(pty.wait(), 0);
    let sown = mariadb(&system, "SELECT COUNT(*) FROM prestamos_auditoria");
    assert_eq!(sown, "1");
    let mut pty = system.terminal(&mut desk, "copias.md", "Restaurar");
    pty.expect("Run all 2 steps?").expect(" > ").send("a\n");
    pty.expect("Type `restaurar`").expect(" > ");
    pty.send("restaurar\n").expect("✓ passed");
    assert_eq!(pty.wait(), 0);
    let back = mariadb(&system, "SELECT COUNT(*) FROM prestamos_auditoria");
    assert_eq!(back, rows);

    // The three checklists: one by a person, two as far as a machine can look.
    let mut pty = system.terminal(&mut desk, "despliegue.md", "Desarrollo");
    pty.expect("Run all 6 steps?").expect(" > ").send("a\n");
    pty.expect("[Enter] run it").expect(" > ").send("r\n");
    for _ in 2..=6 {
        pty.expect("[d]one").expect(" > ").send("d\n");
    }
    pty.expect("✓ passed");
    assert_eq!(pty.wait(), 0);
    for (section, item) in [
        ("Staging", "el-dominio-de-staging-tiene-https-visto"),
        ("Producción", "la-alarma-de-la-pagina-de-salud-ha"),
    ] {
        system.run("despliegue.md", &[section]).code(3);
        let decided = format!("{item}=done");
        let inputs = system.inputs();
        let resume = ["resume", "last", "--decide", &decided, "--inputs", &inputs];
        system.fixture.run(&resume).code(0);
    }

    // A change that breaks the system is undone, one that does not stays.
    let change = |rate: &str| {
        let set = format!("nueva_tasa={rate}");
        system.run("cambio.md", &["--set", &set, "--on-failure", "undo"])
    };
    change("1O/12").code(1).says("undone: cambiar");
    assert_eq!(system.by_hand("echo \"$TASA_TOKEN\""), "8/12");
    change("9/12").code(0);
    assert_eq!(system.by_hand("echo \"$TASA_TOKEN\""), "9/12");

    system.run("parar.md", &[]).code(0).says("✓ passed");
    system.hold(&[
        "MYSQL_PASSWORD",
        "MYSQL_ROOT_PASSWORD",
        "DJANGO_SECRET_KEY",
        "CLAVE_ADMIN",
        "CLAVE_CLIENTE",
    ]);
    let token = fs::read_to_string(system.place("token.cabecera")).unwrap();
    system.unrecorded("the token", token.trim().rsplit(' ').next().unwrap());
}

#[test]
fn the_loans_system_runs_on_sqlite_for_as_long_as_a_run() {
    let Some(system) = System::new("prestamos", &["curl"]) else {
        return;
    };
    let port = ports(1).remove(0);
    let port = format!("puerto_web={port}");
    let place = format!("lugar={}", system.fixture.path("sitio").display());
    let packages = format!("entorno={}", system.packages.display());
    let document = root().join("runbooks/prestamos/desarrollo.md");
    let outcome = system.fixture.run(&[
        "run",
        document.to_str().unwrap(),
        "--set",
        &place,
        "--set",
        &packages,
        "--set",
        &port,
    ]);
    outcome.code(0).says("servidor was stopped");
    system.fixture.until_quiet();
    system.fixture.run(&["verify", "last"]).code(0);
}

#[test]
fn the_services_system_is_installed_run_broken_and_repaired() {
    let programs = [
        "psql",
        "pg_dump",
        "setpriv",
        "curl",
        "chromium-headless-shell",
    ];
    let Some(system) = System::new("servicios", &programs) else {
        return;
    };
    let names = ["puerto_db", "puerto_web"];
    system.credentials(&names, &["--set", "locale=Spanish_Spain.1252"]);
    let services = ["Instalación", "Servicios"];
    let psql = |query: &str| {
        system.by_hand(&format!(
            "PGPASSWORD=$DB_ROOT_PASSWORD psql -X -At -v ON_ERROR_STOP=1 -h 127.0.0.1 \
             -p \"$puerto_db\" -U raiz -d \"$DB_NAME\" <<< \"{query}\""
        ))
    };

    // A locale of another system; then killed in the middle of the migrations.
    system
        .run("sistema.md", &services)
        .code(1)
        .says("invalid locale name: \"Spanish_Spain.1252\"");
    system.run("averias.md", &["Locale inválido"]).code(0);
    system
        .run_killed(("sistema.md", &services), "6/8 Migraciones", || {})
        .code(0)
        .says("✓ passed");
    system.run("sistema.md", &["La página"]).code(0);

    // Health says ok and the page does not.
    let page = "La página falla y la salud dice ok";
    system.run("averias.md", &[page]).code(1);
    psql("ALTER TABLE solicitudes RENAME TO solicitudes_vieja");
    system.run("averias.md", &[page]).code(0);

    // A session that holds a table, and does nothing.
    let holding = system.start(
        "{ echo 'BEGIN; LOCK TABLE solicitudes;'; echo '\\! touch '\"$lugar\"/held
           while sleep 1; do echo 'SELECT 1;'; done; } |
           PGPASSWORD=$DB_ROOT_PASSWORD psql -X -h 127.0.0.1 -p \"$puerto_db\" -U raiz -d \"$DB_NAME\"",
    );
    let held = system.place("held");
    system.fixture.until("the table is held", || held.exists());
    system.run("averias.md", &["Conexiones colgadas"]).code(0);
    assert!(!fixture::wait(holding).success(), "its session was ended");

    // A dump that fails is no copy; one that was cut is told, put aside and made again.
    fs::write(system.place("subidas/niño y 日本.txt"), "hola").unwrap();
    let copies = || fs::read_dir(system.place("copias")).unwrap().count();
    system
        .run(
            "copias.md",
            &["Base de datos", "--set", "DB_NAME=no_existe"],
        )
        .code(1);
    system.run("copias.md", &[]).code(0);
    assert_eq!(copies(), 4, "base, subidas, servicios.env, and what failed");
    system.by_hand("truncate --size=-50 \"$lugar\"/copias/base-*.sql.gz");
    system
        .run("copias.md", &["Comprobar"])
        .code(1)
        .says("unexpected end of file");
    system.run("averias.md", &["Copia cortada"]).code(0);
    system.run("copias.md", &["Comprobar"]).code(0);

    system.end("INT", "datos/postgres/postmaster.pid");
    system.run("averias.md", &["La base no contesta"]).code(0);

    // A limit that leaves nobody in is undone.
    let change = |limit: &str| {
        let set = format!("limite={limit}");
        system.run("cambio.md", &["--set", &set, "--on-failure", "undo"])
    };
    let limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = '$DB_USER'";
    change("0").code(1).says("undone: cambiar");
    assert_eq!(psql(limit), "-1");
    change("20").code(0);
    assert_eq!(psql(limit), "20");

    if which("crontab").is_some()
        && which("faketime").is_some()
        && helper("unshare", &["-m", "true"])
    {
        let state = system.fixture.path("estado").display().to_string();
        let program = format!("programa={}", env!("CARGO_BIN_EXE_runbook"));
        let set = format!("estado={state}");
        system
            .run("tareas.md", &["--set", &program, "--set", &set])
            .code(0);
        // What cron started is a run like any other.
        let nightly = ["verify", "last", "--state-dir", &state];
        system.fixture.run(&nightly).code(0);
    } else {
        skip("cron with a clock of its own needs cron, faketime and a mount namespace");
    }

    system.run("parar.md", &[]).code(0).says("✓ passed");
    system.hold(&["DB_PASSWORD", "DB_ROOT_PASSWORD", "CLAVE_INICIAL"]);
}

#[test]
fn the_runbooks_of_the_systems_have_nothing_to_complain_of() {
    let fixture = Fixture::new();
    for name in ["prestamos", "servicios"] {
        let folder = root().join("runbooks").join(name);
        let lint = ["lint", "--strict", folder.to_str().unwrap()];
        fixture.run(&lint).code(0).says("0 errors, 0 warnings");
    }
}
