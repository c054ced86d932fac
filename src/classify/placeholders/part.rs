//! A part of a word of a command, between `/ = : @ ,` and their like → whether it is a value that the reader
//! gives, or one that only the writer can have meant.

use super::names::{
    file_of_capitals, is_example_host, is_made_of_nouns, is_owner, is_strong, segment,
};
use super::numbers::{example_ip, holds_date, is_disk, is_pod, is_uuid};
use super::{Region, Word};
use crate::classify::text::holds;
use crate::classify::words;

pub(super) enum Verdict {
    Nothing,
    Value,
    Example(String),
    Address,
    /// Of somebody's machine; to look at it harms nobody.
    Own(String),
}

/// A part of a word between `/ = : @ ,` and their like.
pub(super) struct Part<'a, 'w> {
    pub(super) text: &'a str,
    pub(super) before: char,
    pub(super) after: char,
    pub(super) earlier: &'a str,
    pub(super) word: &'w Word<'a>,
    pub(super) program: &'a str,
    pub(super) takes_text: bool,
}

impl Part<'_, '_> {
    pub(super) fn verdict(&self) -> Verdict {
        let text = self.text;
        let is_option =
            self.before == ' ' && text.starts_with('-') && self.word.text.starts_with('-');
        let text = if is_option {
            // `-pyour_password`: the value is glued to the option.
            if text.starts_with("--") {
                return Verdict::Nothing;
            }
            match text.char_indices().nth(2) {
                Some((at, _)) => &text[at..],
                None => return Verdict::Nothing,
            }
        } else {
            text
        };
        let folded = words::fold(text);
        let is_key = self.after == '=';
        // `NEW_PASSWORD=$(…)`: it is given here.
        let is_set = is_key
            && self.before == ' '
            && (self.word.program.is_empty()
                || matches!(self.program, "export" | "local" | "declare" | "readonly"));
        if is_strong(&folded) && !is_set {
            return Verdict::Value;
        }
        if is_option || self.word.region == Region::HereDocument {
            return Verdict::Nothing;
        }
        if is_example_host(&folded) {
            return Verdict::Value;
        }
        let is_firewall = matches!(self.program, "iptables" | "ip6tables" | "nft");
        if (!self.takes_text || is_firewall)
            && let Some(verdict) = self.number(text)
        {
            return verdict;
        }
        if self.word.is_text || is_key {
            return Verdict::Nothing;
        }
        if (text.ends_with("...") || text.ends_with('…'))
            && text.len() > 3
            && !matches!(self.program, "echo" | "printf")
        {
            return Verdict::Value;
        }
        // `sed -n '120,180p'`
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if self.program == "sed" && is_number && text.len() > 1 && self.after == ',' {
            return Verdict::Own("the lines are those of somebody's file".to_owned());
        }
        if matches!(self.program, "grep" | "egrep" | "zgrep")
            && !self.word.is_text
            && words::NOBODIES.contains(&folded)
        {
            return Verdict::Example(format!("`{text}` is looked for by the writer alone"));
        }
        // `journalctl -u nombre-servicio`
        let is_unit = self.program == "journalctl" && matches!(self.word.before, "-u" | "--unit");
        if self.takes_text && !is_unit {
            return Verdict::Nothing;
        }
        if let Some(verdict) = self.writers_own(text, &folded) {
            return verdict;
        }
        let is_value = matches!(self.before, ' ' | '=' | '"' | '\'')
            && !(self.before != ' ' && self.word.text.contains("{\""));
        let alone = is_value && matches!(self.after, ' ' | '"' | '\'');
        let in_place = is_value || self.before == '@' || (self.before == ':' && !text.is_ascii());
        if in_place
            && words::NOUNS.contains(&folded)
            && !(folded == "hostname" && matches!(self.program, "ssh" | "xargs"))
            // `minikube ip` asks for one.
            && !(folded == "ip"
                && self.word.before == self.program
                && !words::REACHES.contains(&self.program))
            && (alone || self.before != ' ' || !text.is_ascii())
        {
            return Verdict::Value;
        }
        if self.before == '/' {
            let is_home = matches!(self.earlier, "home" | "Users");
            if is_home && words::USERS.contains(&folded)
                || !text.is_ascii() && words::NOUNS.contains(&folded)
                || words::NOUNS.contains(&folded)
                    && matches!(
                        &*folded,
                        "usuario"
                            | "username"
                            | "utilisateur"
                            | "benutzer"
                            | "benutzername"
                            | "utente"
                            | "dominio"
                            | "domaine"
                            | "proyecto"
                            | "projeto"
                            | "projet"
                            | "archivo"
                            | "arquivo"
                            | "fichier"
                            | "carpeta"
                            | "nombre"
                    )
            {
                return Verdict::Value;
            }
        }
        if matches!(
            self.word.before,
            "-u" | "--user" | "-U" | "--username" | "-h" | "--host" | "-d" | "-p" | "--password"
        ) && alone
            && matches!(&*folded, "user" | "host" | "database" | "db_name" | "pass")
            && (folded != "host" || matches!(self.word.before, "-h" | "--host"))
        {
            return Verdict::Value;
        }
        if words::REACHES.contains(&self.program)
            && alone
            && words::HOSTS.contains(&folded)
            && self.before == ' '
            && !self.word.before.contains('@')
        {
            return Verdict::Value;
        }
        if matches!(self.program, "git")
            && matches!(self.before, '/' | ':')
            && self.after == '/'
            && is_owner(&folded)
        {
            return Verdict::Value;
        }
        // `raw.githubusercontent.com/user/…`, `docker push user/app`
        let is_image = matches!(self.program, "docker" | "podman" | "nerdctl")
            && is_value
            && matches!(self.word.before, "push" | "pull" | "tag" | "run" | "-t");
        if self.after == '/'
            && (words::FORGES.contains(&self.earlier) || is_image)
            && is_owner(&folded)
        {
            return Verdict::Value;
        }
        // `container_name`, `nombre-paquete`, `nom_du_serveur`.
        let mut parts = folded.split(['_', '-']);
        let (first, last) = (
            parts.next().unwrap_or_default(),
            parts.next_back().unwrap_or_default(),
        );
        if (is_value || self.before == '/')
            && !last.is_empty()
            && (words::NAMES.contains(first)
                || words::NAMES.contains(last)
                || matches!(last, "here" | "aqui" | "hier" | "ici" | "qui")
                || last == "id" && alone && folded != last)
            && !folded.contains('.')
            && !is_set
        {
            return Verdict::Value;
        }
        // `carpeta-del-proyecto`, `NomDuService`
        if (is_value || self.before == '/')
            && !self.word.text.contains("://")
            && is_made_of_nouns(&folded)
        {
            return Verdict::Value;
        }
        // `poolname/datasetname`, `gerätename`
        if (is_value || self.before == '/' && self.word.before != "-name")
            && folded.len() > 5
            && (folded.ends_with("name") || folded.ends_with("nombre"))
            && folded.chars().all(char::is_alphanumeric)
            && !matches!(
                &*folded,
                "hostname"
                    | "rename"
                    | "codename"
                    | "basename"
                    | "dirname"
                    | "pathname"
                    | "cname"
                    | "dname"
                    | "uname"
                    | "typename"
                    | "logname"
                    | "tagname"
                    | "getname"
                    | "nickname"
            )
            && !matches!(
                self.program,
                "awk" | "jq" | "grep" | "egrep" | "sed" | "ps" | "sort"
            )
        {
            return Verdict::Value;
        }
        if (self.is_capitals(text) || file_of_capitals(text).is_some() || segment(text).is_some())
            && !is_key
        {
            return Verdict::Value;
        }
        Verdict::Nothing
    }

    /// What only the writer can have meant: their disk, the number of their process, their file.
    fn writers_own(&self, text: &str, folded: &str) -> Option<Verdict> {
        let is_whole = self.before == ' ' && self.after == ' ';
        if self.before == '/' && self.earlier == "dev" && is_disk(text) {
            return Some(Verdict::Own(format!("`/dev/{text}` is somebody's disk")));
        }
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if is_number
            && (is_whole && self.program == "pm2"
                || self.before == '=' && self.earlier == "--to-revision"
                || is_whole && self.word.before == "--to-revision"
                || is_whole && self.word.before == "-Id"
                || is_whole && self.program == "helm" && self.word.first == "rollback")
        {
            return Some(Verdict::Own(format!("`{text}` is a number of somebody's")));
        }
        if matches!(
            self.program,
            "useradd" | "adduser" | "usermod" | "userdel" | "deluser" | "passwd" | "gpasswd"
        ) && is_whole
            && words::PEOPLE.contains(folded)
        {
            return Some(Verdict::Own(format!("`{text}` is somebody")));
        }
        if self.program == "git"
            && is_whole
            && !text.starts_with('-')
            && self.word.before != self.program
        {
            let is_ref = match self.word.first {
                "checkout" | "switch" => self.word.before == self.word.first && text != ".",
                "push" => !matches!(self.word.before, "push" | "-u" | "--set-upstream"),
                _ => false,
            };
            if is_ref && !words::BRANCHES.contains(&text) {
                return Some(Verdict::Own(format!("`{text}` is the writer's own")));
            }
        }
        let (stem, end) = folded.split_once('.')?;
        let is_read = matches!(
            self.program,
            "unzip" | "gunzip" | "zcat" | "dpkg" | "rpm" | "scp" | "rsync" | "7z" | "unrar"
        ) || self.program == "tar"
            && !self.word.first.contains('c')
            && self.word.first.contains(['x', 't']);
        (is_read
            && is_whole
            && words::FILES.contains(stem)
            && matches!(
                end,
                "tar.gz"
                    | "tgz"
                    | "tar"
                    | "zip"
                    | "gz"
                    | "sql.gz"
                    | "sql"
                    | "deb"
                    | "rpm"
                    | "txt"
                    | "7z"
                    | "rar"
            ))
        .then(|| Verdict::Example(format!("`{text}` stands for a file of the reader's")))
    }

    /// Words in capitals where an argument stands: `USERNAME`, `DB_NAME`.
    fn is_capitals(&self, text: &str) -> bool {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let is_word = letters > 1
            && text.chars().next().is_some_and(char::is_alphabetic)
            && text.chars().all(|c| {
                (c.is_alphabetic() && !c.is_lowercase() && c.is_uppercase())
                    || c.is_ascii_digit()
                    || matches!(c, '_' | '-')
            });
        if !is_word || words::CAPITALS.contains(text) {
            return false;
        }
        let is_hex = text.len() > 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let is_named = matches!(
            self.word.before,
            "-e" | "--env"
                | "-E"
                | "export"
                | "-H"
                | "--header"
                | "--cap-add"
                | "--cap-drop"
                | "-X"
                | "--request"
                | "unset"
                | "-o"
                | "-A"
                | "-I"
                | "-j"
                | "-D"
                | "--unset"
        ) || matches!(self.program, "export" | "getconf" | "set" | "setx" | "stat");
        let is_subject = self.word.text.contains("/CN=")
            || self.word.text.contains("/C=")
            || self.word.text.contains("/O=");
        // `…/EVENT_2024/…` in an address is a name with its year.
        if self.word.text.contains("://") && text.ends_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        let is_attached = matches!(self.before, '.' | '*' | '+' | '(' | '{') || self.after == '(';
        // `tar -C /srv`, `refs/heads/X`: inside a path capitals are a name as often as not; `/opt/APP` is asked about.
        !is_hex && !is_named && !is_subject && !is_attached && text.len() < 40
    }

    fn number(&self, text: &str) -> Option<Verdict> {
        let bytes = text.as_bytes();
        let is_whole = self.before == ' ' && self.after == ' ';
        if let Some(is_example) = example_ip(text) {
            if is_example {
                return Some(Verdict::Value);
            }
            // A network is a rule, a machine is somebody's.
            let is_network = self.after == '/'
                && self.word.text
                    [(text.as_ptr() as usize - self.word.text.as_ptr() as usize) + text.len()..]
                    .len()
                    < 4;
            let is_rule = matches!(
                self.program,
                "ufw" | "iptables" | "nft" | "ip" | "nmcli" | "nmap"
            );
            return ((!is_network || is_rule) && !self.word.is_text).then_some(Verdict::Address);
        }
        if matches!(
            self.program,
            "kill" | "renice" | "taskkill" | "strace" | "gdb"
        ) && is_whole
            && text.len() > 1
            && bytes.iter().all(u8::is_ascii_digit)
        {
            return Some(Verdict::Value);
        }
        if words::NUMBERED.contains(&self.program)
            && is_whole
            && text.len() > 2
            && !self.word.before.starts_with('-')
            && bytes.iter().all(u8::is_ascii_digit)
        {
            return Some(Verdict::Own(format!(
                "`{text}` is the number of somebody's machine"
            )));
        }
        if self.before == '/'
            && matches!(
                self.earlier,
                "by-id" | "by-uuid" | "by-partuuid" | "by-path"
            )
        {
            return Some(Verdict::Own(format!("`{text}` is somebody's disk")));
        }
        if is_uuid(text) {
            return Some(Verdict::Own(format!(
                "`{text}` is the number of something that is not here"
            )));
        }
        let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
        let is_hex = (7..=64).contains(&text.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
        if is_hex
            && digits > 0
            && digits < text.len()
            && is_whole
            && matches!(
                self.program,
                "git" | "docker" | "podman" | "kubectl" | "crictl" | "nerdctl"
            )
        {
            return Some(Verdict::Example(format!(
                "`{text}` is the number of something that is not here"
            )));
        }
        if matches!(
            text,
            "abc123"
                | "abc1234"
                | "abcd1234"
                | "a1b2c3d"
                | "a1b2c3d4"
                | "123abc"
                | "abcdef"
                | "12345abc"
        ) || digits > 7 && (holds(text, "12345678") || holds(text, "0123456789"))
        {
            return Some(Verdict::Value);
        }
        if self.program == "kubectl" && is_pod(text) {
            return Some(Verdict::Example(format!(
                "`{text}` is a pod of somebody's cluster"
            )));
        }
        if !self.word.is_text
            && holds_date(text)
            && !matches!(
                self.program,
                "journalctl" | "date" | "find" | "last" | "sar"
            )
        {
            return Some(Verdict::Example(format!(
                "`{text}` holds a date: which one is meant?"
            )));
        }
        if matches!(
            text,
            "sdX" | "sdXN" | "sdX1" | "sdx" | "sdXY" | "nvmeXn1" | "diskN" | "diskX"
        ) {
            return Some(Verdict::Value);
        }
        None
    }
}
