use std::fmt::Write as _;

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::{read, read_where};
use crate::classify::knowledge::Knowledge;
use crate::markdown::outline;

/// Shows each piece as `lines nature offer rules`.
fn show(document: &str) -> String {
    let document = outline(document);
    let mut shown = Vec::new();
    for fence in read(&document, &Knowledge::built_in(), 1) {
        for piece in &fence.pieces {
            let mut rules: Vec<&str> = piece.doubts.iter().map(|doubt| doubt.rule).collect();
            rules.sort_unstable();
            rules.dedup();
            let line = format!(
                "{}-{} {} {} {}",
                piece.line,
                piece.last_line,
                piece.nature,
                piece.offer().name(),
                rules.join(",")
            );
            shown.push(line.trim_end().to_owned());
        }
    }
    shown.join("; ")
}

fn check(before: &str, tag: &str, body: &str, expected: &str) {
    let document = format!("{before}\n\n```{tag}\n{body}\n```\n");
    // Lines are counted from the body's first one.
    let first = before.lines().count().max(1) + 2;
    let shown: Vec<String> = show(&document)
        .split("; ")
        .map(|piece| {
            let Some((lines, rest)) = piece.split_once(' ') else {
                return piece.to_owned();
            };
            let Some((start, end)) = lines.split_once('-') else {
                return piece.to_owned();
            };
            let line = |text: &str| text.parse::<usize>().unwrap() - first;
            format!("{}-{} {rest}", line(start), line(end))
        })
        .collect();
    assert_eq!(shown.join("; "), expected, "{document}");
}

#[test]
fn plain_commands_run() {
    for (tag, body) in [
        ("", "sudo systemctl restart nginx"),
        ("bash", "docker compose up -d"),
        ("sh", "sudo apt update && sudo apt install -y nginx"),
        ("bash", "pg_dump shop > backup.sql"),
        ("", "df -h\nfree -m"),
        ("bash", "for i in 1 2; do\n\n  docker restart web$i\ndone"),
        (
            "bash",
            "kubectl apply -f - <<'YAML'\nkind: Namespace\n\nname: x\nYAML",
        ),
        ("bash", "docker compose down && docker compose up -d"),
        (
            "bash",
            "sudo systemctl stop app\nsudo cp app /usr/local/bin/app\nsudo systemctl start app",
        ),
        ("powershell", "docker run -d `\n  --name x `\n  redis"),
        ("python", "pip3 --version"),
    ] {
        let last = body.lines().count();
        check("# Do it", tag, body, &format!("1-{last} command run"));
    }
}

#[test]
fn pieces_have_offers_of_their_own() {
    check(
        "# Backup",
        "bash",
        "# Make one\npg_dump shop > backup.sql\n\n# Restore it\npsql shop < backup.sql\n\n# that was all",
        "1-2 command run; 4-5 command type; 7-7 listing never",
    );
    check(
        "x",
        "bash",
        "{\n  \"a\": 1\n}\ncurl http://localhost/",
        "1-3 data never; 4-4 command run",
    );
    check(
        "x",
        "python",
        "# look\npython3 --version\n\n# end them\nSELECT pg_terminate_backend(pid)\nFROM pg_stat_activity;",
        "1-2 command run; 4-6 query never",
    );
}

#[test]
fn what_is_no_command_never_runs() {
    for (tag, body, nature) in [
        ("bash", "0 2 * * * /usr/bin/x >> /tmp/log 2>&1", "file"),
        ("bash", "{\"a\": 1}", "data"),
        ("bash", "DB_HOST=localhost\nDB_PASSWORD=x", "file"),
        ("python", "streamlit==1.32.0\npandas==2.2.0", "listing"),
        ("python", "├── a\n└── b", "diagram"),
        ("console", "rate(http_requests_total[5m])", "query"),
        ("python", "SELECT 1;", "query"),
        ("", "Internet → Nginx → Django\n           ↓", "diagram"),
        ("", "Status: active\n\nTo   Action\n--   ------", "output"),
        (
            "",
            "[Unit]\nDescription=x\n\n[Service]\nExecStart=/bin/x",
            "file",
        ),
        (
            "",
            "NAME    READY   STATUS\nweb-1   1/1     Running",
            "output",
        ),
        ("", "mysql> SHOW TABLES;\n+--+", "query"),
        (
            "",
            "Now go to the server and restart it.\nThen look at the log.",
            "listing",
        ),
        ("", "make sure the database is running", "listing"),
        ("", "git checkout [OPTIONS] <branch>", "listing"),
        ("", "GET /health HTTP/1.1", "data"),
        ("", "2024-01-01 10:00:00 INFO up", "output"),
        (
            "python",
            "DATABASES = {\n    'default': {\n        'NAME': os.environ.get('X'),\n    }\n}",
            "listing",
        ),
        ("", "FROM python:3.11\nRUN pip install x", "file"),
        ("mermaid", "graph LR", "diagram"),
        (
            "bash",
            "① docker compose up -d\n② docker compose down",
            "listing",
        ),
        ("", "import os\nprint(1)", "listing"),
    ] {
        let last = body.lines().count();
        check("x", tag, body, &format!("1-{last} {nature} never"));
    }
}

#[test]
fn the_text_around_is_heard() {
    for (before, tag, body, expected) in [
        (
            "Expected output:",
            "",
            "nginx is running",
            "1-1 output never",
        ),
        ("Salida esperada:", "", "{\"a\": 1}", "1-1 output never"),
        (
            "Don't do this:",
            "bash",
            "chmod 777 /srv",
            "1-1 command ask counter-example",
        ),
        (
            "NO ejecutar en producción:",
            "bash",
            "docker restart x",
            "1-1 command ask counter-example",
        ),
        (
            "Falsch:",
            "bash",
            "docker restart x",
            "1-1 command ask counter-example",
        ),
        (
            "À ne pas faire :",
            "bash",
            "docker restart x",
            "1-1 command ask counter-example",
        ),
        (
            "Ejemplo:",
            "bash",
            "docker restart x",
            "1-1 command ask example",
        ),
        (
            "Beispiel:",
            "bash",
            "docker restart x",
            "1-1 command ask example",
        ),
        (
            "x",
            "bash",
            "# Sin sudo: falla\ndocker restart x\n\n# Con sudo\nsudo docker restart x",
            "1-2 command ask alternative,counter-example; 4-5 command ask alternative",
        ),
    ] {
        if body.contains("Sin sudo") {
            assert!(
                show(&format!("{before}\n\n```{tag}\n{body}\n```\n")).contains("counter-example")
            );
        } else {
            check(before, tag, body, expected);
        }
    }
}

#[test]
fn trouble_is_named_and_orders_are_heard() {
    for (before, expected) in [
        // The heading names what is wrong, not what is wrong to run.
        ("# Der Start schlägt fehl", "1-1 command run"),
        ("Si el correo no funciona:", "1-1 command run"),
        ("# When the queue does not work", "1-1 command run"),
        ("Wrong:", "1-1 command ask counter-example"),
        ("# NEVER DO THESE", "1-1 command ask counter-example"),
        (
            "> No ejecutar en producción",
            "1-1 command ask counter-example",
        ),
    ] {
        check(before, "bash", "docker restart web", expected);
    }
    let behind =
        "# A\n\n```sh\ndocker restart web\n```\n\n> Nicht ausführen, solange kopiert wird.\n";
    assert_eq!(show(behind), "4-4 command ask counter-example");
}

#[test]
fn values_of_the_writer_are_asked_about() {
    for (body, expected) in [
        (
            "git commit -m 'feat: carts'",
            "1-1 command ask example-value",
        ),
        ("git tag v1.4.0", "1-1 command ask example-value"),
        ("qm set 592 --memory 4096", "1-1 command ask example-value"),
        ("qm create 9000 --memory 4096", "1-1 command run"),
        ("qm status 592", "1-1 command run"),
        (
            "mkdir /srv/shop # ajusta la ruta",
            "1-1 command ask example-value",
        ),
        ("zpool scrub poolname", "1-1 command fill placeholder"),
        ("exit", "1-1 command ask remote-shell"),
        // SQL over several lines is an argument, and no Dockerfile.
        (
            "psql -c \"\nSELECT pid\nFROM pg_stat_activity;\"",
            "1-3 command run",
        ),
        ("hostname -f", "1-1 command run"),
    ] {
        check("# Do it", "bash", body, expected);
    }
    let behind =
        "# A\n\n```sh\nmkdir /srv/shop\n```\n\nReplace `shop` with the name of the site.\n";
    assert_eq!(show(behind), "4-4 command ask example-value");
}

#[test]
fn what_the_text_says_of_a_value_is_heard() {
    for (before, behind, expected) in [
        ("Do it:", "`web-7` is to be replaced.", "ask example-value"),
        (
            "Do it:",
            "Dabei ist `web-7` durch den Namen zu ersetzen.",
            "ask example-value",
        ),
        ("Vervang `web-7` door de naam:", "", "ask example-value"),
        ("Adjust `web-7` before:", "", "ask example-value"),
        (
            "Do it:",
            "`web-7` is the name of your container.",
            "ask example-value",
        ),
        ("Change `web-7` to another:", "", "ask example-value"),
        ("Adjust `web-9` before:", "", "run"),
        ("This restarts `web-7`:", "", "run"),
        ("Zum Beispiel:", "", "ask example"),
        (
            "The services, e.g. those that are run by a supervisor of their own, are started again:",
            "",
            "run",
        ),
    ] {
        let document = format!("# A\n\n{before}\n\n```sh\ndocker restart web-7\n```\n\n{behind}\n");
        assert_eq!(
            show(&document),
            format!("6-6 command {expected}"),
            "{document}"
        );
    }
}

#[test]
fn of_tabs_the_reader_picks_one() {
    for (document, said) in [
        (
            "# A\n\n=== \"Compose\"\n\n    ```sh\n    docker compose pull\n    ```\n\n=== \"Plain\"\n\n    ```sh\n    docker pull x\n    ```\n\nThen:\n\n```sh\ndocker restart x\n```\n",
            "6-6 command ask alternative; 12-12 command ask alternative; 18-18 command run",
        ),
        (
            "# A\n\n<Tabs>\n<TabItem value=\"a\">\n\n```sh\ndocker compose pull\n```\n\n</TabItem>\n<TabItem value=\"b\">\n\n```sh\ndocker pull x\n```\n\n</TabItem>\n</Tabs>\n\n```sh\ndocker restart x\n```\n",
            "7-7 command ask alternative; 14-14 command ask alternative; 21-21 command run",
        ),
        (
            "# A\n\n{% tabs %}\n{% tab title=\"A\" %}\n```sh\ndocker compose pull\n```\n{% endtab %}\n\n{% tab title=\"B\" %}\n```sh\ndocker pull x\n```\n{% endtab %}\n{% endtabs %}\n",
            "6-6 command ask alternative; 12-12 command ask alternative",
        ),
        (
            "# A\n\n::: code-group\n\n```sh [a]\ndocker compose pull\n```\n\n```sh [b]\ndocker pull x\n```\n\n:::\n\n```sh\ndocker restart x\n```\n",
            "6-6 command ask alternative; 10-10 command ask alternative; 16-16 command run",
        ),
        (
            "# A\n\n=== \"Only one\"\n\n    ```sh\n    docker compose pull\n    ```\n",
            "6-6 command run",
        ),
    ] {
        assert_eq!(show(document), said, "{document}");
    }
}

#[test]
fn chores_side_by_side_are_no_procedure() {
    for (document, said) in [
        (
            "# A\n\n**Stop it:**\n```sh\nsystemctl stop x\n```\n\n**Start it:**\n```sh\nsystemctl start x\n```\n",
            "5-5 command ask opposite; 10-10 command run",
        ),
        (
            "# A\n\n```sh\nsystemctl start x\n```\n\n```sh\nsystemctl stop x\n```\n",
            "4-4 command run; 8-8 command ask opposite",
        ),
        (
            "# A\n\nFirst of all stop the service, so that nobody writes:\n```sh\nsystemctl stop x\n```\n\nNow it may be started again:\n```sh\nsystemctl start x\n```\n",
            "5-5 command run; 10-10 command run",
        ),
        (
            "# Restart\n\nStop:\n```sh\nsystemctl stop x\n```\n\nStart:\n```sh\nsystemctl start x\n```\n",
            "5-5 command run; 10-10 command run",
        ),
    ] {
        assert_eq!(show(document), said, "{document}");
    }
}

#[test]
fn what_another_takes_back_and_what_is_done_by_force_are_choices() {
    assert_eq!(
        show(
            "# A\n\n## Add\n\n```sh\nufw allow 8080/tcp\n```\n\n## Remove\n\n```sh\nufw delete allow 8080/tcp\n```\n\n## Look\n\n```sh\nufw allow 9090/tcp\n```\n"
        ),
        "6-6 command ask opposite; 12-12 command ask opposite,prompts; 18-18 command run"
    );
    check(
        "# A",
        "bash",
        "# Stop it\npm2 stop web\n\n# Forced stop\npkill -f web\n\n# Start it\npm2 start web",
        "1-2 command run; 4-5 command ask alternative; 7-8 command run",
    );
}

#[test]
fn steps_trouble_and_remarks_are_no_reason_to_ask() {
    for (before, body, expected) in [
        (
            "# Upgrade",
            "# 1. Stop writing\nphp occ maintenance:mode --on\n\n# 2. Write again\nphp occ maintenance:mode --off",
            "1-2 command run; 4-5 command run",
        ),
        (
            "# Script não executa no cron",
            "systemctl start cron",
            "1-1 command run",
        ),
        (
            "# A",
            "# Look\ncurl http://localhost/health\n\n# Output: ok",
            "1-2 command run; 4-4 listing never",
        ),
        (
            "# A",
            "# Option A: Compose (recommended)\ndocker compose up -d\n\n# Option B: systemd\nsystemctl start x",
            "1-2 command run; 4-5 command ask alternative",
        ),
        (
            "# By hand (alternative)",
            "docker compose up -d",
            "1-1 command ask alternative",
        ),
    ] {
        check(before, "bash", body, expected);
    }
}

#[test]
fn remarks_and_values_tell_of_other_ways() {
    check(
        "# A",
        "bash",
        "npm install # or yarn install",
        "1-1 command ask alternative",
    );
    check(
        "# A",
        "bash",
        "# On\nkubectl set env deploy/web X=true\n\n# Off\nkubectl set env deploy/web X=false",
        "1-2 command ask opposite; 4-5 command ask opposite",
    );
}

#[test]
fn a_way_with_a_number_goes_on_to_the_next() {
    check(
        "# A",
        "bash",
        "# Way 1: from the registry\ndocker pull x\n\n# Way 2: by hand\ndocker compose build\n\n# Start it\ndocker compose up -d",
        "1-2 command ask alternative; 4-5 command ask alternative; 7-8 command ask alternative",
    );
}

#[test]
fn numbered_steps_are_no_alternatives() {
    check(
        "# Setup",
        "bash",
        "# 1. Clone it\ndocker pull web\n\n# 2. Make a folder or a link\nmkdir /srv/web",
        "1-2 command run; 4-5 command run",
    );
}

#[test]
fn what_an_unpacking_restores_is_lost() {
    check(
        "# Restore",
        "bash",
        "tar xzf base.tar.gz -C /srv/data",
        "1-1 command type",
    );
    check(
        "# Install",
        "bash",
        "tar xzf base.tar.gz -C /srv/data",
        "1-1 command run",
    );
}

#[test]
fn what_excludes_each_other_is_asked() {
    check(
        "x",
        "bash",
        "sudo systemctl start nginx\nsudo systemctl stop nginx",
        "1-2 command ask opposite",
    );
    check(
        "# Menu",
        "bash",
        "# Up\ndocker compose up -d\n\n# Down\ndocker compose down",
        "1-2 command ask opposite; 4-5 command ask opposite",
    );
    check(
        "# Restart",
        "bash",
        "docker compose down\ndocker compose up -d",
        "1-2 command run",
    );
    check(
        "x",
        "bash",
        "# Ubuntu\nsudo apt install -y nginx\n\n# CentOS\nsudo yum install -y nginx",
        "1-2 command ask alternative; 4-5 command ask alternative",
    );
    check(
        "x",
        "bash",
        "# Plain\npg_dump a > a.sql\n\n# Small\npg_dump a | gzip > a.gz",
        "1-2 command run; 4-5 command ask alternative",
    );
    let document = "# A\n\n```sh\ndocker restart x\n```\n\nOr:\n\n```sh\ndocker stop x\n```\n";
    assert_eq!(
        show(document),
        "4-4 command run; 10-10 command ask alternative"
    );
    let document =
        "## Opción A\n\n```sh\ndocker restart x\n```\n\n## Opción B\n\n```sh\ndocker pull y\n```\n";
    assert_eq!(
        show(document),
        "4-4 command ask alternative; 10-10 command ask alternative"
    );
}

#[test]
fn of_several_ways_the_one_that_harms_nobody_or_is_recommended_runs() {
    for (document, said) in [
        (
            "# A\n\n```sh\n# One\ndocker restart x\n\n# Or\ndocker ps\n```\n",
            "4-5 command ask alternative; 7-8 command run",
        ),
        (
            "## Option 1 (recommended)\n\n```sh\ndocker restart x\n```\n\n## Option 2\n\n```sh\ndocker pull y\n```\n",
            "4-4 command run; 10-10 command ask alternative",
        ),
        (
            "# A\n\n```sh\n# 1\ncd /srv\n\n# 2\ngit pull\n\n# 3\ndocker restart x\n```\n\nOr use the script:\n\n```sh\nnpm install\n```\n",
            "4-5 command run; 7-8 command run; 10-11 command run; 17-17 command ask alternative",
        ),
        (
            "# A\n\n## If you use Compose\n\n```sh\ndocker compose pull\n```\n\n## If you use Git\n\n```sh\ngit pull\n```\n",
            "6-6 command ask alternative; 12-12 command ask alternative",
        ),
        (
            "# A\n\n## Alternative methods\n\n### With a file\n\n```sh\ntouch x\nls\n```\n",
            "8-9 command ask alternative",
        ),
        (
            "# A\n\n**a) Slow**\n\n```sh\npg_ctl -m smart stop\n```\n\n**b) Fast**\n\n```sh\npg_ctl -m fast stop\n```\n",
            "6-6 command ask alternative; 12-12 command ask alternative",
        ),
    ] {
        assert_eq!(show(document), said, "{document}");
    }
}

#[test]
fn a_list_to_choose_from_is_no_procedure() {
    for (document, said) in [
        (
            "# A\n\n## Start\n\n```sh\nsystemctl start x\n```\n\n## Stop\n\n```sh\nsystemctl stop x\n```\n",
            "6-6 command run; 12-12 command ask opposite",
        ),
        (
            "# A\n\n## Stop\n\n```sh\nsystemctl stop x\n```\n\n## Start\n\n```sh\nsystemctl start x\n```\n",
            "6-6 command run; 12-12 command run",
        ),
        (
            "# A\n\n```sh\nsystemctl stop x\n```\n\nCopy, then:\n\n```sh\nsystemctl restart x\n```\n",
            "4-4 command run; 10-10 command run",
        ),
        (
            "# A\n\n```sh\nsystemctl stop x\n```\n\nThat was all.\n",
            "4-4 command ask opposite",
        ),
        (
            "# A\n\n```sh\n# If it runs under pm2\npm2 restart x\n\n# Look\npm2 list\n```\n",
            "4-5 command ask alternative; 7-8 command run",
        ),
        (
            "# A\n\n```sh\nnginx -t        # looks\nnginx -s reload # again\nnginx -s stop   # ends\n```\n",
            "4-6 command ask reference",
        ),
        (
            "# A\n\nUseful options:\n\n```sh\n# Quietly\ndocker pull -q x\n\n# Looks\ndocker ps\n```\n",
            "6-7 command ask reference; 9-10 command run",
        ),
        (
            "# A\n\n```sh\n# Stop\ndocker compose stop db\n\n# Copy\ntar czf x.tgz data\n\n# Start\ndocker compose start db\n```\n",
            "4-5 command run; 7-8 command run; 10-11 command run",
        ),
    ] {
        assert_eq!(show(document), said, "{document}");
    }
}

#[test]
fn what_is_typed_in_a_container_or_a_console_is_told_from_what_is_not() {
    for (document, said) in [
        (
            "# A\n\n```sh\n# Look\ndocker exec -it db psql -U app\n\n# Count\ndocker exec db psql -U app -c 'SELECT 1'\n```\n",
            "4-5 interactive hand; 7-8 command run",
        ),
        (
            "# A\n\n```sh\ndocker exec -it web sh\n```\n\n```sh\nls\n```\n\n```sh\ndocker ps\n```\n\n# B\n\n```sh\nls\n```\n",
            "4-4 interactive hand; 8-8 command ask remote-shell; 12-12 command run; 18-18 command run",
        ),
        (
            "# A\n\nInside the container:\n\n```sh\nls\n```\n\nInside the container:\n\n```sh\ndocker exec web ls\n```\n",
            "6-6 command ask remote-shell; 12-12 command run",
        ),
        (
            "# A\n\n```sh\n# Look\nls\n\n# Call\npython manage.py shell\n>>> from x import y\n>>> y()\n```\n",
            "4-5 command run; 7-8 interactive hand; 9-10 query never",
        ),
    ] {
        assert_eq!(show(document), said, "{document}");
    }
}

#[test]
fn a_host_is_confirmed_besides_and_takes_no_offer_back() {
    check(
        "x",
        "bash",
        "ssh deploy@web1 'df -h'",
        "1-1 command run leaves-machine",
    );
}

#[test]
fn examples_are_told_from_files_that_are_called_so() {
    check(
        "x",
        "bash",
        "# Copy the example\ncp .env.example .env",
        "1-2 command run",
    );
    assert_eq!(
        show("# Examples\n\n```sh\nls\n\ntouch x\n```\n"),
        "4-4 command run; 6-6 command ask example"
    );
}

#[test]
fn shells_inside_shells_are_not_run() {
    check(
        "x",
        "bash",
        "ssh deploy@web1\ncd /srv\ngit pull",
        "1-3 command hand interactive,leaves-machine,remote-shell",
    );
    check(
        "x",
        "bash",
        "docker exec -it web bash\n\nls",
        "1-1 interactive hand; 3-3 command ask remote-shell",
    );
}

#[test]
fn sessions_hold_their_commands() {
    check(
        "x",
        "",
        "$ docker ps\nCONTAINER ID\n\n$ uptime\nup",
        "1-2 session run; 4-5 session run",
    );
    check(
        "x",
        "console",
        "root@web1:~# systemctl status nginx\nok",
        "1-2 session run",
    );
    check(
        "x",
        "",
        "C:\\Users\\x>dir",
        "1-1 session ask no-interpreter",
    );
    let document = outline("```\n$ ls -l \\\n  /tmp\ntotal 0\n```\n");
    let readings = read(&document, &Knowledge::built_in(), 1);
    assert_eq!(readings[0].pieces[0].command, "ls -l \\\n  /tmp");
}

#[test]
fn values_are_asked_for_where_they_stand() {
    let source = "> ```sh\n> ssh-keyscan <HOST> > $OUT\n> echo 'x{name}'\n> ```\n";
    let document = outline(source);
    let readings = read(&document, &Knowledge::built_in(), 1);
    let piece = &readings[0].pieces[0];
    for value in &piece.placeholders {
        assert_eq!(&piece.command[value.range.clone()], value.text);
    }
    let texts: Vec<&str> = piece
        .doubts
        .iter()
        .filter(|doubt| doubt.is_a_value())
        .map(|doubt| document.text(doubt.span))
        .collect();
    assert_eq!(texts, ["<HOST>", "$OUT", "{name}"]);
}

#[test]
fn what_a_section_above_sets_is_there_and_what_is_set_later_is_not() {
    let document =
        "# A\n\n```sh\nNS=$(id -un)\necho $NS\n```\n\n# B\n\n```sh\ndocker restart $NS\n```\n";
    assert_eq!(show(document), "4-5 command run; 11-11 command run");
    let document = "# A\n\n```sh\ndocker restart $NS\n```\n\n# B\n\n```sh\nNS=$(id -un)\n```\n";
    assert_eq!(
        show(document),
        "4-4 command fill unset-variable; 10-10 command run"
    );
}

#[test]
fn threads_change_nothing() {
    let mut source = String::new();
    for number in 0..4000 {
        let _ = write!(
            source,
            "# S{}\n\n```sh\n# do {number}\nsudo systemctl restart web{number}\n\nls <X{number}>\n```\n",
            number % 7
        );
    }
    let document = outline(&source);
    let knowledge = Knowledge::built_in();
    assert_eq!(
        read(&document, &knowledge, 1),
        read(&document, &knowledge, 4)
    );
}

proptest! {
    #[test]
    fn what_is_shared_is_what_each_fence_would_be(
        parts in proptest::collection::vec((
            "(# )?((Check|expected output|Or|Option|a\\)|1\\.|via|with|replace|change|to your|por|the server|container|recommended|If you use|example|never|wrong|restore|take|effect|restart|paste this into|useful options|Ubuntu|nginx|x|:|\n|`a.yml`|①) ?){0,6}",
            "(sh|yaml|python|)",
            "(# (or|if |output|with this content|x)\n)?(systemctl (start|stop|restart) x|apt install y|yum install y|a: 1|ls|pg_dump x > y|echo \\$A|A=1|docker exec -it x sh)(\nsystemctl stop x| # stop| # or)?",
        ), 1..6),
    ) {
        let mut source = String::new();
        for (around, tag, body) in &parts {
            let _ = write!(source, "{around}\n\n```{tag}\n{body}\n```\n\n");
        }
        let document = outline(&source);
        let knowledge = Knowledge::built_in();
        prop_assert_eq!(
            read(&document, &knowledge, 1),
            read_where(&document, &knowledge, 1, |_, _, _| false),
            "{}", source
        );
    }

    #[test]
    fn any_text_is_read_and_pieces_keep_their_places(
        tag in "(sh|python|powershell||console|sql|yaml|text)",
        body in "(ls|\\$ |# |> |<X>|\\{|\\}|\"|'|=|\\||\\\\|<<E|E|SELECT|;|mysql> |sudo |docker |[ \\n\\n\\t]|ñ|→|\\PC){0,50}",
    ) {
        let source = format!("{body}\n\n```{tag}\n{body}\n```\n\n{body}\n\n> ~~~{tag}\n> {}\n> ~~~\n", body.replace('\n', "\n> "));
        let document = outline(&source);
        let readings = read(&document, &Knowledge::built_in(), 1);
        prop_assert_eq!(readings.len(), document.fences.len());
        for (reading, fence) in readings.iter().zip(&document.fences) {
            let body = document.body(fence);
            let mut end = 0;
            for piece in &reading.pieces {
                prop_assert!(piece.range.start >= end && piece.range.end <= body.len());
                end = piece.range.end;
                let _ = &body[piece.range.clone()];
                for value in &piece.placeholders {
                    prop_assert!(piece.command.get(value.range.clone()).is_some());
                }
                for doubt in &piece.doubts {
                    prop_assert!(source.get(doubt.span.start..doubt.span.end).is_some());
                }
            }
        }
    }
}
