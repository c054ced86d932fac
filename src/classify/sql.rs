//! SQL and the meta commands of its consoles → what they do. Looks at the words that open a
//! statement, not at its grammar: every dialect has its own.

use crate::model::Effect;

/// What a text for a database does, and the words of it that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The worst of its statements.
    pub effect: Effect,
    /// `DROP TABLE`, `DELETE without WHERE`; empty for no statement at all.
    pub words: String,
}

impl Verdict {
    fn new(effect: Effect, words: impl Into<String>) -> Self {
        Self {
            effect,
            words: words.into(),
        }
    }
}

/// Orders effects by how bad they are to run unseen.
pub(super) const fn weight(effect: Effect) -> u8 {
    match effect {
        Effect::Reads => 0,
        Effect::Changes => 1,
        Effect::Unknown => 2,
        Effect::Destroys => 3,
    }
}

/// Functions that act although they stand in a SELECT.
const ACTING: &[&str] = &[
    "PG_CANCEL_BACKEND",
    "PG_RELOAD_CONF",
    "PG_SWITCH_WAL",
    "PG_SWITCH_XLOG",
    "PG_ROTATE_LOGFILE",
    "PG_PROMOTE",
    "PG_STAT_RESET",
    "PG_STAT_STATEMENTS_RESET",
    "PG_CREATE_RESTORE_POINT",
    "PG_CREATE_PHYSICAL_REPLICATION_SLOT",
    "PG_CREATE_LOGICAL_REPLICATION_SLOT",
    "PG_START_BACKUP",
    "PG_STOP_BACKUP",
    "PG_BACKUP_START",
    "PG_BACKUP_STOP",
    "PG_WAL_REPLAY_PAUSE",
    "PG_WAL_REPLAY_RESUME",
    "PG_ADVISORY_LOCK",
    "PG_ADVISORY_UNLOCK",
    "SETVAL",
    "NEXTVAL",
    "SET_CONFIG",
    "CREATE_HYPERTABLE",
    "ADD_RETENTION_POLICY",
    "REFRESH_CONTINUOUS_AGGREGATE",
];

/// Functions that lose something although they stand in a SELECT.
const LOSING: &[&str] = &[
    "PG_DROP_REPLICATION_SLOT",
    // What others have not committed is gone.
    "PG_TERMINATE_BACKEND",
    "LO_UNLINK",
    "DROP_CHUNKS",
    "PG_RESETWAL",
];

/// Returns what the lines of `text` do when the console of redis reads them.
pub fn judge_redis(text: &str) -> Verdict {
    const READS: &[&str] = &[
        "GET",
        "MGET",
        "INFO",
        "PING",
        "KEYS",
        "SCAN",
        "TTL",
        "PTTL",
        "TYPE",
        "EXISTS",
        "DBSIZE",
        "LRANGE",
        "LLEN",
        "HGETALL",
        "HGET",
        "HKEYS",
        "SMEMBERS",
        "SCARD",
        "ZRANGE",
        "ZCARD",
        "MONITOR",
        "SLOWLOG",
        "MEMORY",
        "LATENCY",
        "LASTSAVE",
        "ROLE",
        "COMMAND",
        "TIME",
        "XLEN",
        "XRANGE",
        "AUTH",
        "SELECT",
        "QUIT",
        "CLUSTER INFO",
        "CLUSTER NODES",
        "CLUSTER SLOTS",
        "CLIENT LIST",
        "CONFIG GET",
        "ACL LIST",
        "ACL WHOAMI",
        "OBJECT",
        "STRLEN",
        "DEBUG OBJECT",
    ];
    const DESTROYS: &[&str] = &[
        "FLUSHALL",
        "FLUSHDB",
        "DEL",
        "UNLINK",
        "SHUTDOWN",
        "CLUSTER RESET",
    ];
    let mut worst = Verdict::new(Effect::Reads, "");
    for line in text
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty() && !it.starts_with('#'))
    {
        let mut words = line.split_whitespace().map(str::to_ascii_uppercase);
        let first = words.next().unwrap_or_default();
        let both = format!("{first} {}", words.next().unwrap_or_default());
        let is = |list: &[&str]| list.iter().any(|it| *it == first || *it == both);
        let effect = if is(DESTROYS) {
            Effect::Destroys
        } else if is(READS) {
            Effect::Reads
        } else {
            Effect::Changes
        };
        if worst.words.is_empty() || weight(effect) > weight(worst.effect) {
            worst = Verdict::new(effect, first);
        }
    }
    worst
}

/// Returns what `text` does when a console of a database reads it.
pub fn judge(text: &str) -> Verdict {
    let mut worst = Verdict::new(Effect::Reads, "");
    for statement in statements(text) {
        let verdict = statement_does(&statement);
        if worst.words.is_empty() || weight(verdict.effect) > weight(worst.effect) {
            worst = verdict;
        }
    }
    worst
}

/// The words of each statement in capitals, strings replaced by `'`, comments left out. A meta
/// command (`\dt`, `.tables`) is a statement of its own, to the end of its line.
fn statements(text: &str) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let mut line_start = true;
    while let Some(it) = chars.next() {
        let starts = line_start && words.is_empty() && word.is_empty();
        if it == '\n' {
            line_start = true;
        } else if !it.is_whitespace() {
            line_start = false;
        }
        match it {
            '\\' | '.' if starts => {
                let mut meta = String::from(it);
                while let Some(next) = chars.next_if(|next| *next != '\n') {
                    meta.push(next);
                }
                all.push(meta.split_whitespace().map(str::to_owned).collect());
            }
            '-' if chars.peek() == Some(&'-') => {
                while chars.next_if(|next| *next != '\n').is_some() {}
            }
            '#' if starts => while chars.next_if(|next| *next != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut before = ' ';
                for next in chars.by_ref() {
                    if before == '*' && next == '/' {
                        break;
                    }
                    before = next;
                }
            }
            '\'' | '"' | '`' => {
                let is_name = it != '\'';
                let mut inside = String::new();
                for next in chars.by_ref() {
                    if next == it {
                        break;
                    }
                    inside.push(next);
                }
                if is_name {
                    word.push_str(&inside.to_uppercase());
                } else {
                    word.push('\'');
                }
            }
            ';' => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                if !words.is_empty() {
                    all.push(std::mem::take(&mut words));
                }
            }
            _ if it.is_alphanumeric() || matches!(it, '_' | '.' | '$' | '@') => {
                word.extend(it.to_uppercase());
            }
            _ => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                // `\g`, `\G`, `\x` at the end of a statement end it.
                if it == '\\' {
                    if !words.is_empty() {
                        all.push(std::mem::take(&mut words));
                    }
                    while chars.next_if(|next| next.is_alphanumeric()).is_some() {}
                } else if matches!(it, '(' | ')') {
                    words.push(it.to_string());
                }
            }
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    if !words.is_empty() {
        all.push(words);
    }
    all
}

fn statement_does(words: &[String]) -> Verdict {
    let at = |index: usize| words.get(index).map_or("", String::as_str);
    let has = |wanted: &str| words.iter().any(|it| it == wanted);
    let two = || format!("{} {}", at(0), at(1)).trim().to_owned();
    let first = at(0);
    if first.starts_with(['\\', '.']) {
        return meta(words);
    }
    // `PRAGMA x` asks, `PRAGMA x = 1` sets.
    if first == "PRAGMA" && words.len() < 3 {
        return Verdict::new(Effect::Reads, first);
    }
    match first {
        "SELECT" | "(" | "TABLE" | "VALUES" => select(words),
        "WITH" => {
            for verb in ["DELETE", "UPDATE", "INSERT", "MERGE"] {
                if has(verb) {
                    let from = words.iter().position(|it| it == verb).unwrap_or_default();
                    return statement_does(&words[from..]);
                }
            }
            select(words)
        }
        "SHOW" | "DESCRIBE" | "DESC" | "USE" | "HELP" | "STATUS" | "LIST" | "PRINT" | "BEGIN"
        | "COMMIT" | "ROLLBACK" | "END" | "SAVEPOINT" | "FETCH" | "CLOSE" | "DECLARE" | "GO"
        | "QUIT" | "EXIT" | "EXISTS" | "'" | "" => Verdict::new(Effect::Reads, first),
        "EXPLAIN" => {
            // ANALYZE runs the statement that it explains.
            let verb = words
                .iter()
                .position(|it| matches!(it.as_str(), "DELETE" | "UPDATE" | "INSERT" | "MERGE"));
            match verb {
                Some(verb) if has("ANALYZE") || has("ANALYSE") => statement_does(&words[verb..]),
                _ => Verdict::new(Effect::Reads, first),
            }
        }
        "START" if at(1) == "TRANSACTION" => Verdict::new(Effect::Reads, two()),
        "CHECK" | "CHECKSUM" => Verdict::new(Effect::Reads, two()),
        "RESET" if !matches!(at(1), "MASTER" | "SLAVE" | "REPLICA" | "BINARY") => {
            Verdict::new(Effect::Changes, two())
        }
        "DROP" | "TRUNCATE" | "PURGE" | "DETACH" | "RESET" | "REPLACE" | "RESTORE"
        | "OVERWRITE" => Verdict::new(Effect::Destroys, two()),
        "DELETE" if has("WHERE") => Verdict::new(Effect::Destroys, "DELETE"),
        "DELETE" => Verdict::new(Effect::Destroys, "DELETE without WHERE"),
        "UPDATE" if !has("WHERE") => Verdict::new(Effect::Destroys, "UPDATE without WHERE"),
        "ALTER" if has("DROP") => Verdict::new(Effect::Destroys, "ALTER … DROP"),
        "INSERT" | "UPDATE" | "MERGE" | "UPSERT" => Verdict::new(Effect::Changes, first),
        "CREATE" | "ALTER" | "GRANT" | "REVOKE" | "COMMENT" | "RENAME" | "SET" | "PRAGMA"
        | "VACUUM" | "ANALYZE" | "ANALYSE" | "REINDEX" | "CLUSTER" | "OPTIMIZE" | "REPAIR"
        | "FLUSH" | "KILL" | "START" | "STOP" | "CHANGE" | "LOCK" | "UNLOCK" | "LOAD"
        | "REFRESH" | "ATTACH" | "INSTALL" | "UNINSTALL" | "NOTIFY" | "LISTEN" | "CHECKPOINT"
        | "DISCARD" | "PREPARE" | "DEALLOCATE" | "REASSIGN" | "SECURITY" | "SYSTEM" | "BACKUP"
        | "DBCC" | "ENABLE" | "DISABLE" | "IMPORT" | "EXPORT" | "UNLISTEN" | "SHUTDOWN" => {
            Verdict::new(Effect::Changes, two())
        }
        "COPY" if has("TO") && !has("FROM") => Verdict::new(Effect::Reads, "COPY … TO"),
        "COPY" => Verdict::new(Effect::Changes, "COPY … FROM"),
        _ => Verdict::new(Effect::Unknown, first),
    }
}

fn select(words: &[String]) -> Verdict {
    let is_call = |names: &[&str]| {
        words
            .iter()
            .zip(words.iter().skip(1))
            .find_map(|(name, next)| {
                let name = name.rsplit('.').next().unwrap_or(name);
                (next == "(" && names.contains(&name)).then(|| name.to_lowercase())
            })
    };
    if let Some(name) = is_call(LOSING) {
        return Verdict::new(Effect::Destroys, name);
    }
    if let Some(name) = is_call(ACTING) {
        return Verdict::new(Effect::Changes, name);
    }
    if words.iter().any(|it| it == "INTO") {
        return Verdict::new(Effect::Changes, "SELECT … INTO");
    }
    Verdict::new(Effect::Reads, "SELECT")
}

fn meta(words: &[String]) -> Verdict {
    let first = words[0].as_str();
    let effect = match first {
        "\\copy" if words.iter().any(|it| it.eq_ignore_ascii_case("from")) => Effect::Changes,
        "\\copy" | "\\o" | "\\w" | "\\password" | ".output" | ".once" | ".backup" | ".save"
        | ".import" | ".archive" | "\\T" => Effect::Changes,
        "\\i" | "\\ir" | "\\!" | ".read" | ".shell" | ".system" | "\\." | ".load" | "\\gexec" => {
            Effect::Unknown
        }
        ".restore" => Effect::Destroys,
        _ => Effect::Reads,
    };
    Verdict::new(effect, first)
}

/// Returns what JavaScript for a mongo shell does, by the methods that it calls.
pub fn judge_mongo(text: &str) -> Verdict {
    const DESTROYS: &[&str] = &[
        ".drop(",
        ".dropDatabase(",
        ".dropIndex",
        ".dropUser(",
        ".dropAllUsers",
        ".remove(",
        ".deleteOne(",
        ".deleteMany(",
        ".findOneAndDelete(",
        ".findAndModify(",
        "removeUser(",
        "rs.remove(",
        "compact:",
        ".dropRole(",
    ];
    const CHANGES: &[&str] = &[
        ".insert",
        ".update",
        ".replaceOne(",
        ".save(",
        ".create",
        ".bulkWrite(",
        ".grant",
        ".revoke",
        ".changeUserPassword(",
        ".renameCollection(",
        ".shutdownServer(",
        ".killOp(",
        "rs.initiate(",
        "rs.add",
        "rs.reconfig(",
        "rs.stepDown(",
        "rs.freeze(",
        "sh.",
        ".setProfilingLevel(",
        ".findOneAnd",
        ".fsyncLock(",
        ".fsyncUnlock(",
        ".set",
    ];
    const READS: &[&str] = &[
        ".find",
        ".count",
        ".stats(",
        ".aggregate(",
        ".distinct(",
        ".status(",
        ".getUsers(",
        ".getUser(",
        ".get",
        ".serverStatus(",
        ".version(",
        ".currentOp(",
        "rs.status",
        "rs.conf",
        "rs.printS",
        "show ",
        "print",
        "ping",
        "listDatabases",
        ".isMaster(",
        ".hello(",
        "use ",
        ".explain(",
        ".auth(",
        "buildInfo",
        ".runCommand({ping",
        "rs.isMaster",
        "rs.hello",
        "sh.status(",
        "listCommands",
        ".latencyStats(",
        ".validate(",
    ];
    let found = |names: &[&str]| {
        names
            .iter()
            .find(|name| text.contains(**name))
            .map(|name| name.trim_matches(['.', '(', ':', ' ']).to_owned())
    };
    if let Some(name) = found(DESTROYS) {
        Verdict::new(Effect::Destroys, name)
    } else if text.contains("sh.status(") {
        Verdict::new(Effect::Reads, "sh.status")
    } else if let Some(name) = found(CHANGES) {
        Verdict::new(Effect::Changes, name)
    } else if let Some(name) = found(READS) {
        Verdict::new(Effect::Reads, name)
    } else {
        Verdict::new(Effect::Unknown, "JavaScript")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::judge_redis;
    use super::{judge, judge_mongo};
    use crate::model::Effect;

    fn check(text: &str, expected: &str) {
        let verdict = judge(text);
        assert_eq!(
            format!("{}: {}", verdict.effect, verdict.words),
            expected,
            "{text}"
        );
    }

    #[test]
    fn the_first_words_of_a_statement_say_what_it_does() {
        check("select 1", "reads: SELECT");
        check("SHOW DATABASES;", "reads: SHOW");
        check("\\dt", "reads: \\dt");
        check("EXPLAIN DELETE FROM a", "reads: EXPLAIN");
        check("EXPLAIN ANALYZE DELETE FROM a WHERE b", "destroys: DELETE");
        check("insert into a values (1)", "changes: INSERT");
        check("CREATE DATABASE x", "changes: CREATE DATABASE");
        check("GRANT ALL ON a TO b", "changes: GRANT ALL");
        check("DROP TABLE a", "destroys: DROP TABLE");
        check("truncate a", "destroys: TRUNCATE A");
        check("UPDATE a SET b = 1", "destroys: UPDATE without WHERE");
        check("UPDATE a SET b = 1 WHERE c", "changes: UPDATE");
        check("DELETE FROM a", "destroys: DELETE without WHERE");
        check("ALTER TABLE a DROP COLUMN b", "destroys: ALTER … DROP");
        check("CALL x()", "unknown: CALL");
    }

    #[test]
    fn the_worst_statement_decides() {
        check(
            "BEGIN; SELECT 1; DROP TABLE a; COMMIT;",
            "destroys: DROP TABLE",
        );
        check("\\c shop\nINSERT INTO a VALUES (1);", "changes: INSERT");
        check(
            "WITH x AS (SELECT 1) DELETE FROM a WHERE b",
            "destroys: DELETE",
        );
    }

    #[test]
    fn strings_and_comments_do_nothing() {
        check("SELECT 'DROP TABLE a; DELETE FROM b'", "reads: SELECT");
        check("-- DROP TABLE a\nSELECT 1", "reads: SELECT");
        check("/* DROP TABLE a; */ SELECT 1", "reads: SELECT");
    }

    #[test]
    fn redis_is_told_by_its_first_words() {
        let check =
            |text: &str, expected: Effect| assert_eq!(judge_redis(text).effect, expected, "{text}");
        check("CONFIG GET save\nINFO persistence", Effect::Reads);
        check("CONFIG SET save 60\nBGSAVE", Effect::Changes);
        check("INFO\nflushall", Effect::Destroys);
    }

    #[test]
    fn a_select_may_act() {
        check(
            "SELECT pg_terminate_backend(pid) FROM x",
            "destroys: pg_terminate_backend",
        );
        check(
            "SELECT pg_drop_replication_slot('x')",
            "destroys: pg_drop_replication_slot",
        );
        check("SELECT * INTO b FROM a", "changes: SELECT … INTO");
    }

    #[test]
    fn a_mongo_shell_is_judged_by_its_methods() {
        for (text, expected) in [
            ("db.users.find()", "reads: find"),
            ("rs.status()", "reads: status"),
            ("db.dropDatabase()", "destroys: dropDatabase"),
            ("db.a.insertOne({})", "changes: insert"),
            ("f()", "unknown: JavaScript"),
        ] {
            let verdict = judge_mongo(text);
            assert_eq!(
                format!("{}: {}", verdict.effect, verdict.words),
                expected,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,200}") {
            judge(&text);
            judge_mongo(&text);
        }
    }
}
