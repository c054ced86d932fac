//! The words by which manuals say what they mean, in English, Spanish, Portuguese, French, German,
//! and where it is cheap in Italian, Chinese, Japanese and Russian: data, in one place.
//!
//! All are folded: lower case, without accents of Latin letters. A `*` at the end stands for any ending.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{LazyLock, OnceLock};

use super::text::{Marks, place_of};

/// A list that is asked whether it holds a word: only those of its length are looked at.
pub(super) struct Set {
    words: &'static [&'static str],
    by_length: OnceLock<Vec<Vec<&'static str>>>,
}

impl Set {
    pub(super) const fn new(words: &'static [&'static str]) -> Self {
        Self {
            words,
            by_length: OnceLock::new(),
        }
    }

    /// Returns a list that is put together from others.
    pub(super) fn of(words: impl Iterator<Item = &'static str>) -> Self {
        let mut by_length: Vec<Vec<&'static str>> = Vec::new();
        for word in words {
            if by_length.len() <= word.len() {
                by_length.resize(word.len() + 1, Vec::new());
            }
            by_length[word.len()].push(word);
        }
        Self {
            words: &[],
            by_length: OnceLock::from(by_length),
        }
    }

    pub(super) fn contains(&self, word: &str) -> bool {
        let by_length = self.by_length.get_or_init(|| {
            let all = Self::of(self.words.iter().copied());
            all.by_length.into_inner().unwrap_or_default()
        });
        let first = word.as_bytes().first();
        by_length.get(word.len()).is_some_and(|words| {
            words
                .iter()
                .any(|other| other.as_bytes().first() == first && *other == word)
        })
    }
}

/// Beginnings of texts, by their first byte: of a long list hardly any are looked at.
pub(super) struct Beginnings(Vec<Vec<&'static str>>);

impl Beginnings {
    pub(super) fn new(all: impl IntoIterator<Item = &'static str>) -> Self {
        let mut by_byte = vec![Vec::new(); 256];
        for it in all {
            if let Some(byte) = it.as_bytes().first() {
                by_byte[usize::from(*byte)].push(it);
            }
        }
        Self(by_byte)
    }

    /// Returns what stands behind each of them that `text` begins with, in the order of the list.
    pub(super) fn rests<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let byte = text.as_bytes().first();
        let all = byte.map_or(&[][..], |byte| &self.0[usize::from(*byte)]);
        all.iter().filter_map(|it| text.strip_prefix(it))
    }
}

/// The heads of a column that says what is to be done, folded.
pub(super) const TASK: &[&str] = &[
    "tarea",
    "tareas",
    "task",
    "tasks",
    "tarefa",
    "tarefas",
    "tache",
    "taches",
    "aufgabe",
    "aufgaben",
    "compito",
    "compiti",
    "attivita",
    "actividad",
    "todo",
    "to do",
    "action item",
    "задача",
    "задачи",
    "任务",
    "タスク",
    "作業",
];

/// Says that what follows is what a command prints.
pub(super) const OUTPUT: &[&str] = &[
    "output",
    "outputs",
    "expected result",
    "you should see",
    "you will see",
    "you'll see",
    "should look like",
    "looks like this",
    "should print",
    "should return",
    "should show",
    "should display",
    "will print",
    "will show",
    "will return",
    "will display",
    "prints",
    "returns",
    "response",
    "example response",
    "sample response",
    "result",
    "salida",
    "deberias ver",
    "deberia ver",
    "deberia mostrar",
    "deberia devolver",
    "se ve asi",
    "veras",
    "vera algo",
    "resultado",
    "respuesta",
    "devuelve",
    "muestra algo",
    "saida",
    "voce deve ver",
    "voce vera",
    "deve retornar",
    "deve mostrar",
    "resposta",
    "sortie",
    "vous devriez voir",
    "devrait afficher",
    "vous verrez",
    "affiche",
    "reponse",
    "resultat",
    "devrait retourner",
    "ausgabe",
    "sollte",
    "ergebnis",
    "antwort",
    "sie sehen",
    "erscheint",
    "risultato",
    "dovresti vedere",
    "output atteso",
    "dovrebbe",
    "risposta",
    "输出",
    "返回",
    "结果如下",
    "响应",
    "显示如下",
    "出力",
    "表示され",
    "実行結果",
    "レスポンス",
    "вывод",
    "результат*",
    "ответ",
    "увидите",
    "должн* увидеть",
];

/// Says beyond doubt that an output follows.
pub(super) const EXPECTED: &[&str] = &[
    "expected",
    "should see",
    "will see",
    "look like",
    "looks like",
    "example output",
    "sample output",
    "esperad",
    "deberias ver",
    "se ve asi",
    "attendu",
    "devriez voir",
    "erwartet",
    "sollte",
    "atteso",
    "预期",
    "期待",
    "ожида",
    "saida esperada",
    "deve ver",
];

/// Says that a person is to look: what follows is the command that shows the output, not the output.
pub(super) const LOOKS: &[&str] = &[
    "check",
    "verify",
    "view",
    "inspect",
    "see the",
    "get the",
    "run",
    "execute",
    "use",
    "confirm",
    "test",
    "to see",
    "validate",
    "watch",
    "monitor",
    "list",
    "display the",
    "show the",
    "examine",
    "using",
    "with the command",
    "filter",
    "search",
    "save",
    "redirect",
    "write",
    "verifica*",
    "comprueba",
    "comprobar",
    "ver el",
    "ver la",
    "ejecuta*",
    "revisa*",
    "consulta*",
    "usa",
    "usar",
    "muestra el comando",
    "mostrar",
    "con el comando",
    "verifique",
    "confira",
    "execute",
    "executar",
    "veja",
    "use",
    "verifie*",
    "executez",
    "lancez",
    "consulte*",
    "utilisez",
    "controle*",
    "affichez",
    "pruf*",
    "uberpruf*",
    "ausfuhren",
    "anzeigen",
    "kontrollier*",
    "fuhre*",
    "controlla*",
    "esegui*",
    "检查",
    "查看",
    "运行",
    "执行",
    "确认",
    "確認",
    "実行",
    "проверьте",
    "проверить",
    "выполните",
    "посмотреть",
    "запустите",
];

/// Programs that read no shell: what is typed into them are lines of their own.
pub(super) const CONSOLES: &[&str] = &[
    "psql",
    "pgcli",
    "mysql",
    "mariadb",
    "mycli",
    "sqlite3",
    "sqlplus",
    "sqlcmd",
    "cqlsh",
    "clickhouse-client",
    "mongo",
    "mongosh",
    "redis-cli",
    "python",
    "python3",
    "ipython",
    "node",
    "irb",
    "rails",
    "manage.py",
    "artisan",
    "iex",
    "influx",
];

/// Programs that are not to be had inside of the containers that they drive.
pub(super) const DRIVERS: &[&str] = &[
    "docker",
    "docker-compose",
    "podman",
    "podman-compose",
    "nerdctl",
    "kubectl",
    "oc",
    "helm",
    "systemctl",
    "crictl",
];

/// Programs that open shells on machines of a cloud.
pub(super) const CLOUDS: &[&str] = &["gcloud", "aws", "az", "oci", "heroku", "fly", "flyctl"];

/// Says that what follows is an example, not for this machine.
pub(super) const EXAMPLE: &[&str] = &[
    "example",
    "examples",
    "for instance",
    "e.g.",
    "sample",
    "such as",
    "syntax",
    "general form",
    "ejemplo",
    "ejemplos",
    "por ejemplo",
    "sintaxis",
    "exemplo",
    "exemplos",
    "por exemplo",
    "sintaxe",
    "exemple",
    "exemples",
    "par exemple",
    "syntaxe",
    "beispiel",
    "beispiele",
    "beispielsweise",
    "zum beispiel",
    "z.b.",
    "z. b.",
    "syntax",
    "esempio",
    "per esempio",
    "ad esempio",
    "sintassi",
    "示例",
    "例如",
    "样例",
    "语法",
    "例えば",
    "使用例",
    "構文",
    "пример",
    "примеры",
    "например",
    "синтаксис",
];

/// Says that what follows is wrong on purpose.
pub(super) const COUNTER_EXAMPLE: &[&str] = &[
    "❌",
    "✗",
    "✘",
    "🚫",
    "⛔",
    "don't do this",
    "do not do this",
    "don't run",
    "do not run",
    "never run",
    "don't use",
    "do not use",
    "never do",
    "avoid this",
    "anti-pattern",
    "antipattern",
    "not like this",
    "insecure",
    "dangerous",
    "deprecated",
    "no ejecutar",
    "no ejecutes",
    "no ejecute",
    "no hagas",
    "no hacer",
    "no hacerlo",
    "no usar",
    "no uses",
    "nunca ejecutes",
    "nunca ejecutar",
    "nunca hagas",
    "evitar",
    "evita",
    "inseguro",
    "peligroso",
    "nao execute",
    "nao executar",
    "nao faca",
    "nao use",
    "nunca execute",
    "perigoso",
    "evite",
    "a ne pas faire",
    "ne pas faire",
    "ne pas executer",
    "n'executez pas",
    "ne lancez",
    "ne jamais",
    "a eviter",
    "dangereux",
    "nicht ausfuhren",
    "nicht machen",
    "nicht verwenden",
    "nicht so",
    "niemals",
    "unsicher",
    "gefahrlich",
    "vermeiden",
    "non eseguire",
    "non fare",
    "non usare",
    "mai eseguire",
    "pericoloso",
    "不要执行",
    "不要运行",
    "禁止",
    "切勿",
    "実行しないで",
    "не выполняйте",
    "не запускайте",
    "не делайте",
    "опасно",
    "не используйте",
    "никогда",
];

/// Says that what follows does not work. In a comment of its own it is shown as wrong; in a heading or
/// a sentence it names the trouble that what follows is for.
pub(super) const FAILURE: &[&str] = &[
    "bad",
    "wrong",
    "incorrect",
    "this fails",
    "fails because",
    "will fail",
    "does not work",
    "doesn't work",
    "mal",
    "incorrecto",
    "falla porque",
    "falla",
    "no funciona",
    "errado",
    "incorreto",
    "falha",
    "nao funciona",
    "mauvais",
    "faux",
    "echoue",
    "ne fonctionne pas",
    "falsch",
    "schlagt fehl",
    "funktioniert nicht",
    "sbagliato",
    "fallisce",
    "non funziona",
    "错误",
    "間違い",
    "失敗",
    "誤り",
    "неправильно",
    "плохо",
    "fails",
    "falhou",
    "nie so",
    "не работает",
];

/// Forbids to run something, wherever it stands around it: also behind it, or two lines above.
pub(super) const FORBIDS: &[&str] = &[
    "do not run",
    "don't run",
    "never run",
    "do not execute",
    "don't execute",
    "never execute",
    "never do this",
    "never do these",
    "do not do this",
    "don't do this",
    "must not be run",
    "should not be run",
    "no ejecutar",
    "no ejecutes",
    "no ejecute",
    "nunca ejecut*",
    "no lo ejecutes",
    "nao execut*",
    "nunca execut*",
    "ne pas executer",
    "n'executez pas",
    "ne jamais executer",
    "a ne pas faire",
    "nicht ausfuhren",
    "niemals ausfuhren",
    "nie ausfuhren",
    "non eseguire",
    "non eseguite",
    "mai eseguire",
    "不要执行",
    "不要运行",
    "请勿执行",
    "禁止执行",
    "切勿执行",
    "実行しないで",
    "実行しない",
    "не выполняйте",
    "не запускайте",
    "никогда не выполн*",
];

/// Says that a value must be changed before: in a comment or a remark of the piece itself.
pub(super) const ADJUST: &[&str] = &[
    "adjust",
    "adapt",
    "change this",
    "change me",
    "change the",
    "change to",
    "change it",
    "replace",
    "customize",
    "customise",
    "fill in",
    "edit this",
    "set this to",
    "set your",
    "your own",
    "anpassen",
    "ersetzen",
    "ersetze",
    "andern",
    "eintragen",
    "ajusta",
    "ajustar",
    "ajuste",
    "ajustez",
    "cambia",
    "cambiar",
    "cambie",
    "reemplaza*",
    "sustituye",
    "sustituir",
    "modifica",
    "modificar",
    "adapta",
    "adaptar",
    "altere",
    "alterar",
    "troque",
    "substitua",
    "substituir",
    "adaptez",
    "remplacer",
    "remplacez",
    "modifiez",
    "sostituire",
    "sostituisci",
    "cambiare",
    "adattare",
    "修改为",
    "替换",
    "改成",
    "改为",
    "按需",
    "置き換え",
    "書き換え",
    "変更して",
    "適宜",
    "замените",
    "заменить",
    "измените",
    "подставьте",
    "поменяйте",
];

/// Two words of one sentence that together say so: "replace X with …".
pub(super) const REPLACE: &[(&str, &str)] = &[
    ("replace", " with "),
    ("replacing", " with "),
    ("substitute", " with "),
    ("change ", " to your"),
    ("sustitu", " por "),
    ("reemplaz", " por "),
    ("reemplaz", " con "),
    ("substitu", " por "),
    ("substitu", " pel"),
    ("troque ", " por "),
    ("remplac", " par "),
    ("ersetze", " durch "),
    ("ersetze", " mit "),
    ("sostitu", " con "),
    ("замен", " на "),
    ("替换", "为"),
    ("替换", "成"),
    ("置き換え", ""),
    ("置換し", ""),
];

/// What stands between the two values of [`REPLACE`], as words: without one of them nothing is replaced.
pub(super) const BRIDGES: &[&str] = &[
    "with",
    "to your*",
    "por",
    "pel*",
    "con",
    "par",
    "durch",
    "mit",
    "на",
    "为",
    "成",
    "置き換え",
    "置換し",
];

/// Says that what follows puts saved data in the place of those that are there.
pub(super) const RESTORES: &[&str] = &[
    "restore",
    "restores",
    "restoring",
    "restaurar",
    "restaura",
    "restauracion",
    "restaurer",
    "restauration",
    "restauracao",
    "wiederherstell*",
    "ripristin*",
    "恢复",
    "还原",
    "復元",
    "復旧",
    "リストア",
    "восстанов*",
];

/// Beginnings of commands whose argument is the writer's own: a message, a version, the number of a
/// machine.
pub(super) const WRITERS_OWN: &[(&str, &str)] = &[
    ("git commit -m", "the message is the writer's"),
    ("git commit -am", "the message is the writer's"),
    ("git commit --message", "the message is the writer's"),
    ("git tag -a", "the version is the writer's"),
    ("git tag -s", "the version is the writer's"),
    ("git tag v", "the version is the writer's"),
    ("git tag 0", "the version is the writer's"),
    ("git tag 1", "the version is the writer's"),
    ("git tag 2", "the version is the writer's"),
];

/// Programs to which a bare number is one of somebody's machines.
pub(super) const NUMBERED: &[&str] = &[
    "qm",
    "pct",
    "vzdump",
    "qmrestore",
    "pvesr",
    "virsh",
    "onevm",
];

/// Says that what follows stands in place of something else.
pub(super) const ALTERNATIVE: &[&str] = &[
    "or",
    "or else",
    "alternatively",
    "alternative",
    "alternatives",
    "alternate",
    "option",
    "options",
    "either",
    "instead",
    "another way",
    "other way",
    "method",
    "variant",
    "approach",
    "choice",
    "if you prefer",
    "you can also",
    "o",
    "o bien",
    "u",
    "alternativamente",
    "alternativa",
    "alternativas",
    "opcion",
    "opciones",
    "metodo",
    "variante",
    "tambien puedes",
    "tambien puede",
    "tambien se puede",
    "otra forma",
    "otra opcion",
    "otra manera",
    "en su lugar",
    "si prefieres",
    "ou",
    "ou entao",
    "opcao",
    "opcoes",
    "tambem pode",
    "voce tambem pode",
    "outra forma",
    "em vez",
    "ou bien",
    "ou alors",
    "methode",
    "vous pouvez aussi",
    "vous pouvez egalement",
    "autrement",
    "sinon",
    "au lieu",
    "oder",
    "alternativ",
    "variante",
    "stattdessen",
    "andernfalls",
    "oppure",
    "opzione",
    "in alternativa",
    "o in",
    "puoi anche",
    "或者",
    "或",
    "方式一",
    "方式二",
    "方法一",
    "方法二",
    "方案一",
    "方案二",
    "选项",
    "另一种",
    "または",
    "あるいは",
    "もしくは",
    "方法1",
    "方法2",
    "или",
    "либо",
    "вариант",
    "альтернатив*",
    "способ",
];

/// The same, to ask whether a whole line is one of them.
pub(super) static ALTERNATIVES: Set = Set::new(ALTERNATIVE);

/// Values that undo each other, inside of a word.
pub(super) const SWITCHES: &[(&str, &str)] = &[
    ("true", "false"),
    ("enabled", "disabled"),
    ("=on", "=off"),
    ("=yes", "=no"),
    ("=1", "=0"),
];

/// Leads to a list of what a command can do besides.
pub(super) const OPTIONS: &[&str] = &[
    "useful options",
    "common options",
    "other options",
    "more options",
    "opciones utiles",
    "otras opciones",
    "opcoes uteis",
    "outras opcoes",
    "options utiles",
    "autres options",
    "nutzliche optionen",
    "weitere optionen",
    "opzioni utili",
    "altre opzioni",
    "useful commands",
    "comandos utiles",
    "comandos uteis",
    "commandes utiles",
    "nutzliche befehle",
    "comandi utili",
];

/// Begins a heading of ways that stand instead of those of the sections before.
pub(super) const OTHER_WAYS: &[&str] = &[
    "or you can",
    "or use",
    "or with",
    "or via",
    "o puedes",
    "o tambien",
    "ou vous pouvez",
    "ou bien",
    "oder mit",
    "ou voce pode",
    "oppure",
    "alternative",
    "other ways",
    "other methods",
    "metodos alternativos",
    "metodo alternativo",
    "otras formas",
    "outras formas",
    "methodes alternatives",
    "methode alternative",
    "autres methodes",
    "autres facons",
    "alternativ",
    "andere wege",
    "andere moglichkeiten",
    "metodi alternativi",
    "metodo alternativo",
    "альтернатив",
    "其他方法",
    "其它方法",
];

/// Begins a text that stands for what the reader is to write.
pub(super) const ENTERS: &[&str] = &[
    "enter",
    "insert",
    "type",
    "put",
    "your",
    "introduce",
    "introduzca",
    "ingrese",
    "ingresa",
    "escribe",
    "insira",
    "digite",
    "coloque",
    "seu",
    "sua",
    "entrez",
    "saisissez",
    "votre",
    "eingeben",
    "hier",
    "ihr",
    "ihre",
    "dein",
    "deine",
    "inserisci",
    "inserire",
    "tuo",
    "tua",
];

/// Says of what follows that it is written into a file.
pub(super) const WRITTEN_INTO: &[&str] = &[
    "following content",
    "following contents",
    "following lines to",
    "add the following to",
    "add this to",
    "add to your",
    "paste the following into",
    "paste this into",
    "with this content",
    "siguiente contenido",
    "contenido siguiente",
    "agrega lo siguiente a",
    "agregar al archivo",
    "anade al archivo",
    "anadir al archivo",
    "seguinte conteudo",
    "conteudo a seguir",
    "adicione ao arquivo",
    "contenu suivant",
    "ajoutez au fichier",
    "ajouter au fichier",
    "folgenden inhalt",
    "folgendem inhalt",
    "erganzen:",
    "folgende zeilen",
    "seguente contenuto",
    "aggiungi al file",
    "следующее содержимое",
    "следующим содержимым",
    "以下内容",
    "以下の内容",
];

/// Begins a line that names the means: `Via Helm:`.
pub(super) const MEANS: &[&str] = &[
    "via", "using", "usando", "mediante", "avec", "mit", "con", "com", "through", "per",
];

/// What takes something out of service, of the words of [`OPPOSITES`].
pub(super) const STOPS: &[&str] = &["stop", "down", "disable", "pause", "suspend", "mask"];

/// Begins a remark that says when a command is meant.
pub(super) const CONDITIONS: &[&str] = &[
    "if ",
    "when using",
    "only if",
    "si usa",
    "si se",
    "si el ",
    "si la ",
    "si no ",
    "si es ",
    "solo si ",
    "si vous",
    "si le ",
    "si la ",
    "seulement si",
    "wenn ",
    "falls ",
    "nur wenn",
    "se usa",
    "se o ",
    "se a ",
    "se for",
    "somente se",
    "se stai",
    "se il ",
    "solo se ",
    "если ",
    "如果",
    "若",
];

/// Servers of which a machine has one.
pub(super) const WEB_SERVERS: &[&str] = &["apache", "apache2", "httpd", "nginx", "caddy"];

/// Parts of a name that stand for a value when they are in capitals: `dump_TIMESTAMP.sql`.
pub(super) const SEGMENTS: &[&str] = &[
    "TIMESTAMP",
    "DATE",
    "DATETIME",
    "YYYYMMDD",
    "YYYY",
    "DDMMYYYY",
    "HHMMSS",
    "FECHA",
    "DATA",
    "DATUM",
    "NAME",
    "NOMBRE",
    "NOME",
    "NOM",
    "USER",
    "USERNAME",
    "USUARIO",
    "VERSION",
    "HOST",
    "HOSTNAME",
    "HASH",
];

/// How copies of files and folders are called.
pub(super) const BACKUPS: &[&str] = &[
    "backup*",
    "bak",
    "respaldo*",
    "sauvegarde*",
    "sicherung*",
    "copia",
    "copias",
    "copia_*",
];

/// Says that this is the way to take, of several.
pub(super) const RECOMMENDED: &[&str] = &[
    "recommended",
    "preferred",
    "default",
    "recomendado",
    "recomendada",
    "preferido",
    "preferida",
    "recommande",
    "recommandee",
    "conseille",
    "empfohlen",
    "bevorzugt",
    "consigliato",
    "consigliata",
    "raccomandato",
    "zalecane",
    "zalecany",
    "рекомендуется",
    "推荐",
    "推奨",
];

/// Begins a heading that speaks to some readers only, each of whom takes their own way.
pub(super) const IN_CASE: &[&str] = &[
    "if you use",
    "if you used",
    "if you are using",
    "if you're using",
    "if you have",
    "if using",
    "when using",
    "si usas",
    "si usaste",
    "si utilizas",
    "si tienes",
    "si usa",
    "se usou",
    "se voce usa",
    "se usa",
    "se estiver usando",
    "se voce tem",
    "si vous utilisez",
    "si vous avez",
    "si tu utilises",
    "wenn sie",
    "falls sie",
    "wenn du",
    "falls du",
    "se usi",
    "se utilizzi",
    "se stai usando",
    "если вы используете",
    "jesli uzywasz",
];

/// Single characters that number the entries of a menu.
pub(super) const MENU: &[char] = &[
    '①', '②', '③', '④', '⑤', '⑥', '❶', '❷', '❸', '❹', '➀', '➁', '➂',
];

/// Words before a letter or number that name one of several ways.
pub(super) const NUMBERED_WAY: &[&str] = &[
    "option",
    "method",
    "variant",
    "approach",
    "way",
    "alternative",
    "choice",
    "opcion",
    "metodo",
    "variante",
    "alternativa",
    "forma",
    "opcao",
    "methode",
    "moglichkeit",
    "opzione",
    "вариант",
    "способ",
    "метод",
    "方法",
    "方式",
    "方案",
    "选项",
    "オプション",
    "path",
];

/// Systems: two different ones as titles side by side are alternatives.
pub(super) const SYSTEMS: &[&str] = &[
    "ubuntu",
    "debian",
    "centos",
    "rhel",
    "red hat",
    "redhat",
    "fedora",
    "rocky",
    "almalinux",
    "alma",
    "arch",
    "alpine",
    "suse",
    "opensuse",
    "amazon linux",
    "macos",
    "mac",
    "mac os",
    "osx",
    "os x",
    "windows",
    "linux",
    "wsl",
    "freebsd",
    "homebrew",
    "powershell",
    "cmd",
    "gentoo",
    "unix",
    "git bash",
    "bash",
    "zsh",
    "fish",
    "npm",
    "yarn",
    "pnpm",
    "bun",
    "pip",
    "poetry",
    "uv",
    "conda",
    "apt",
    "yum",
    "dnf",
    "brew",
    "snap",
    "chocolatey",
    "docker",
    "podman",
    "systemd",
];

/// Warns of what a command does.
pub(super) const WARNING: &[&str] = &[
    "⚠",
    "🚨",
    "‼",
    "❗",
    "☠",
    "🛑",
    "⛔",
    "warning",
    "caution",
    "danger",
    "careful",
    "beware",
    "irreversible",
    "data loss",
    "cannot be undone",
    "can't be undone",
    "will delete",
    "deletes all",
    "cuidado",
    "advertencia",
    "peligro",
    "atencion",
    "precaucion",
    "ojo",
    "aviso",
    "irreversible",
    "borra datos",
    "borra todos",
    "perdida de datos",
    "perderas",
    "no se puede deshacer",
    "atencao",
    "perigo",
    "irreversivel",
    "perda de dados",
    "nao pode ser desfeito",
    "attention",
    "avertissement",
    "prudence",
    "mise en garde",
    "perte de donnees",
    "supprime toutes",
    "achtung",
    "warnung",
    "vorsicht",
    "hinweis",
    "gefahr",
    "datenverlust",
    "unwiderruflich",
    "attenzione",
    "avvertenza",
    "pericolo",
    "perdita di dati",
    "警告",
    "注意",
    "危险",
    "谨慎",
    "危険",
    "внимание",
    "осторожно",
    "предупреждение",
    "опасно",
];

/// Says in a comment that something is lost for good.
pub(super) const LOSES: &[&str] = &[
    "borra datos",
    "borra todos",
    "borra todo",
    "elimina todos",
    "elimina todo",
    "perdida de datos",
    "deletes all",
    "deletes data",
    "delete all data",
    "erases",
    "wipes",
    "data loss",
    "destroys",
    "irreversible",
    "apaga todos",
    "apaga os dados",
    "perda de dados",
    "supprime toutes",
    "supprime les donnees",
    "efface",
    "perte de donnees",
    "loscht alle",
    "datenverlust",
    "unwiderruflich",
    "cancella tutti",
    "perdita di dati",
    "删除所有",
    "清空",
    "数据丢失",
    "データが消",
    "全て削除",
    "удаляет все",
    "потеря данных",
];

/// Names the reader's own computer.
pub(super) const WORKSTATION: &[&str] = &[
    "your laptop",
    "your computer",
    "your local machine",
    "your machine",
    "your workstation",
    "local machine",
    "local computer",
    "your own computer",
    "from your mac",
    "your pc",
    "on the client",
    "your local",
    "locally",
    "tu computadora",
    "tu ordenador",
    "tu maquina",
    "tu equipo",
    "tu pc",
    "su computadora",
    "su ordenador",
    "su equipo",
    "maquina local",
    "equipo local",
    "tu laptop",
    "tu portatil",
    "localmente",
    "seu computador",
    "sua maquina",
    "seu notebook",
    "computador local",
    "votre ordinateur",
    "votre machine",
    "votre poste",
    "machine locale",
    "poste local",
    "ton ordinateur",
    "en local",
    "poste de travail",
    "deinem rechner",
    "deinem computer",
    "ihrem rechner",
    "ihrem computer",
    "lokalen rechner",
    "lokalen maschine",
    "deinem laptop",
    "ihrem laptop",
    "lokal",
    "arbeitsplatz*",
    "arbeitsstation",
    "tuo computer",
    "tua macchina",
    "macchina locale",
    "computer locale",
    "本地",
    "本机",
    "你的电脑",
    "您的电脑",
    "ローカル",
    "手元",
    "локально*",
    "вашем компьютере",
    "своем компьютере",
    "рабочей станции",
];

/// Names the machine that is operated, in a sentence or a comment.
pub(super) const SERVER: &[&str] = &[
    "on the server",
    "on your server",
    "on the remote",
    "on the vps",
    "on your vps",
    "on the host",
    "on the droplet",
    "into the server",
    "to the server",
    "on each server",
    "on all servers",
    "on the instance",
    "on the node",
    "on each node",
    "on the production server",
    "on the target",
    "on the bastion",
    "on the control plane",
    "on the primary",
    "on the replica",
    "en el servidor",
    "en tu servidor",
    "en su servidor",
    "en el vps",
    "dentro del servidor",
    "al servidor",
    "en la maquina remota",
    "en la instancia",
    "en el host",
    "en cada servidor",
    "no servidor",
    "na vps",
    "no vps",
    "no seu servidor",
    "ao servidor",
    "na instancia",
    "no host",
    "sur le serveur",
    "sur votre serveur",
    "sur ton serveur",
    "sur le vps",
    "sur l'hote",
    "au serveur",
    "sur chaque serveur",
    "auf dem server",
    "auf deinem server",
    "auf ihrem server",
    "am server",
    "auf dem vps",
    "auf dem host",
    "auf dem zielsystem",
    "auf dem zielserver",
    "auf jedem server",
    "sul server",
    "sul tuo server",
    "nel server",
    "al server",
    "sulla macchina remota",
    "服务器上",
    "在服务器",
    "主机上",
    "サーバー上",
    "サーバ上",
    "サーバーで",
    "サーバで",
    "サーバーに",
    "サーバに",
    "на сервере",
    "на вашем сервере",
    "на хосте",
];

/// Names the machine that is operated, in a heading.
pub(super) const SERVER_HEADINGS: &[&str] = &[
    "server",
    "servers",
    "vps",
    "servidor",
    "servidores",
    "serveur",
    "serveurs",
    "droplet",
    "bastion",
    "服务器",
    "サーバ*",
    "сервер*",
];

/// Names a container as the place.
pub(super) const CONTAINER: &[&str] = &[
    "inside the container",
    "in the container",
    "within the container",
    "container shell",
    "inside the pod",
    "in the pod",
    "in each pod",
    "in all pods",
    "in all etcd pods",
    "in every pod",
    "from the container",
    "dentro del pod",
    "en el pod",
    "dentro do pod",
    "no pod",
    "dans le pod",
    "im pod",
    "nel pod",
    "dentro del contenedor",
    "en el contenedor",
    "del contenedor",
    "dentro do container",
    "dentro do conteiner",
    "no container",
    "no conteiner",
    "dans le conteneur",
    "du conteneur",
    "a l'interieur du conteneur",
    "im container",
    "innerhalb des containers",
    "in dem container",
    "nel container",
    "dentro il container",
    "all'interno del container",
    "容器内",
    "容器中",
    "进入容器",
    "コンテナ内",
    "コンテナの中",
    "в контейнере",
    "внутри контейнера",
];

/// Says that Python is typed into a shell of its own.
pub(super) const SHELLS: &[&str] = &[
    "shell",
    "python shell",
    "django shell",
    "repl",
    "consola de python",
    "python console",
    "python-konsole",
    "console python",
];

/// Says that stop and start after each other are meant as one.
pub(super) const RESTART: &[&str] = &[
    "restart*",
    "reload*",
    "recreate*",
    "rebuild*",
    "redeploy*",
    "reboot*",
    "cycle",
    "bounce",
    "apply*",
    "update*",
    "upgrade*",
    "deploy*",
    "take effect",
    "reinici*",
    "rearranc*",
    "reconstru*",
    "recrea*",
    "actualiz*",
    "aplica*",
    "despliegue",
    "atualiz*",
    "reimplant*",
    "redemarr*",
    "relanc*",
    "mise a jour",
    "recharg*",
    "reconstrui*",
    "neustart*",
    "neu starten",
    "neu gestartet",
    "aktualisier*",
    "riavvi*",
    "aggiorna*",
    "重启",
    "重新启动",
    "更新",
    "再起動",
    "перезапус*",
    "перезагру*",
    "обнов*",
];

/// Pairs whose halves undo each other.
pub(super) const OPPOSITES: &[(&str, &str)] = &[
    ("start", "stop"),
    ("enable", "disable"),
    ("up", "down"),
    ("install", "uninstall"),
    ("install", "remove"),
    ("install", "purge"),
    ("mount", "umount"),
    ("add", "remove"),
    ("allow", "deny"),
    ("lock", "unlock"),
    ("mask", "unmask"),
    ("upgrade", "downgrade"),
    ("apply", "destroy"),
    ("cordon", "uncordon"),
    ("install", "rollback"),
    ("a2ensite", "a2dissite"),
    ("a2enmod", "a2dismod"),
    ("useradd", "userdel"),
    ("adduser", "deluser"),
    ("create", "delete"),
    ("create", "rm"),
    ("apply", "delete"),
    ("load", "unload"),
    ("login", "logout"),
    ("swapon", "swapoff"),
    ("pause", "unpause"),
    ("pause", "resume"),
    ("suspend", "resume"),
    ("schedule", "unschedule"),
    ("drain", "uncordon"),
    ("cordon", "uncordon"),
    ("up", "stop"),
    ("activate", "deactivate"),
];

/// First words of a value that stands for the reader's own: `your_password`, `tu-dominio.com`.
pub(super) const POSSESSIVES: &[&str] = &[
    "your", "yours", "my", "tu", "tus", "su", "sus", "mi", "mis", "seu", "sua", "seus", "suas",
    "meu", "minha", "teu", "tua", "votre", "vos", "ton", "tes", "mon", "ma", "mes", "ihr", "ihre",
    "ihren", "ihrem", "ihrer", "dein", "deine", "deinem", "deinen", "deiner", "mein", "meine",
    "meinem", "meinen", "tuo", "tuoi", "mio", "mia", "miei", "il-tuo", "la-tua", "vas", "vash",
    "moy", "moi", "some", "any", "the", "new", "old", "target", "desired", "actual", "sample",
    "example", "ejemplo", "exemplo", "exemple", "beispiel", "esempio", "insert", "replace",
    "enter", "change", "put", "any",
];

/// The same, to ask whether a word is one of them.
pub(super) static IS_POSSESSIVE: Set = Set::new(POSSESSIVES);

/// Those that nouns are glued to, short ones: `mydomain`.
pub(super) static SHORT_POSSESSIVES: LazyLock<Beginnings> = LazyLock::new(|| {
    let all = POSSESSIVES.iter().copied();
    Beginnings::new(
        all.take_while(|word| *word != "some")
            .filter(|word| word.len() < 6),
    )
});

/// Beginnings that make a placeholder of whatever follows without a separator: `yourdomain`.
pub(super) const GLUED: &[&str] = &["your", "votre", "deine", "ihre"];

/// What follows a short possessive without a separator: `mydomain`, `tudominio`.
pub(super) const GLUED_NOUNS: &[&str] = &[
    "domain",
    "domains",
    "server",
    "host",
    "user",
    "username",
    "pass",
    "password",
    "db",
    "database",
    "app",
    "application",
    "project",
    "site",
    "website",
    "repo",
    "bucket",
    "container",
    "service",
    "image",
    "registry",
    "company",
    "org",
    "name",
    "ip",
    "key",
    "token",
    "secret",
    "file",
    "branch",
    "host",
    "namespace",
    "cluster",
    "account",
    "email",
    "table",
    "script",
    "backup",
    "dominio",
    "servidor",
    "usuario",
    "clave",
    "contrasena",
    "base",
    "proyecto",
    "sitio",
    "archivo",
    "empresa",
    "imagen",
    "correo",
    "projeto",
    "senha",
    "banco",
    "domaine",
    "serveur",
    "projet",
    "site",
    "fichier",
    "motdepasse",
    "domaene",
    "projekt",
    "datei",
    "progetto",
    "utente",
];

/// Words that alone, or as the first or last part of a name, stand for a value: `nombre-paquete`, `container_name`.
pub(super) static NAMES: Set = Set::new(&[
    "name", "nombre", "nome", "nom", "имя", "nazvanie", "名称", "名前",
]);

/// Words that as an argument stand for a value wherever they stand alone.
pub(super) static NOUNS: Set = Set::new(&[
    // English
    "username",
    "user_name",
    "password",
    "passwd",
    "hostname",
    "host_name",
    "dbname",
    "dbuser",
    "dbpass",
    "dbpassword",
    "database_name",
    "filename",
    "file_name",
    "foldername",
    "dirname",
    "servicename",
    "containername",
    "container_id",
    "containerid",
    "imagename",
    "image_name",
    "packagename",
    "package",
    "projectname",
    "appname",
    "domainname",
    "domain",
    "tablename",
    "table_name",
    "branchname",
    "ip_address",
    "ipaddress",
    "ip",
    "server_ip",
    "port_number",
    "pid",
    "process_id",
    "hash",
    "commit_hash",
    "commit-hash",
    "commit_id",
    "revision_id",
    "revision",
    "version_number",
    "remote_host",
    "remote_user",
    "source_file",
    "destination",
    "mountpoint",
    "device",
    "placeholder",
    "somevalue",
    "somefile",
    "foo",
    "bar",
    "baz",
    "foobar",
    "value",
    "key_name",
    "interface_name",
    "oldname",
    "newname",
    "newuser",
    "new_user",
    "newpassword",
    "new_password",
    "some-name",
    "yourself",
    "replaceme",
    "replace_me",
    "replace-me",
    "changeme",
    "change_me",
    "change-me",
    "changethis",
    "fixme",
    "tbd",
    "todo",
    "dummy",
    "servername",
    "vmname",
    "podname",
    "pod_name",
    "pod-name",
    "service-name",
    "container-name",
    "image-name",
    "app-name",
    "namespace-name",
    "node-name",
    "nodename",
    // Spanish
    "usuario",
    "contrasena",
    "clave",
    "servidor",
    "dominio",
    "contenedor",
    "servicio",
    "paquete",
    "archivo",
    "fichero",
    "carpeta",
    "directorio",
    "ruta",
    "puerto",
    "imagen",
    "nombre",
    "base_de_datos",
    "base-de-datos",
    "basededatos",
    "nombre_bd",
    "nombrebd",
    "tabla",
    "rama",
    "proyecto",
    "direccion",
    "origen",
    "destino",
    "archivo_local",
    "ruta_destino",
    "mi_clave",
    "micontrasena",
    "bd",
    // Portuguese
    "senha",
    "arquivo",
    "pasta",
    "porta",
    "pacote",
    "servico",
    "imagem",
    "banco",
    "banco_de_dados",
    "caminho",
    "diretorio",
    "projeto",
    "tabela",
    "nome_do_banco",
    "destino",
    // French
    "utilisateur",
    "motdepasse",
    "mot_de_passe",
    "mot-de-passe",
    "mdp",
    "serveur",
    "domaine",
    "conteneur",
    "fichier",
    "dossier",
    "chemin",
    "paquet",
    "nom",
    "projet",
    "base_de_donnees",
    "nom_base",
    "adresse_ip",
    "nom_utilisateur",
    "nom_conteneur",
    "nom_du_serveur",
    // German
    "benutzer",
    "benutzername",
    "passwort",
    "kennwort",
    "rechnername",
    "domane",
    "dienst",
    "dienstname",
    "paket",
    "paketname",
    "datei",
    "dateiname",
    "verzeichnis",
    "ordner",
    "pfad",
    "datenbank",
    "datenbankname",
    "servername",
    "projektname",
    "containername",
    "ip-adresse",
    "schlussel",
    "zielverzeichnis",
    "quelle",
    "ziel",
    // Italian
    "utente",
    "nomeutente",
    "nome_utente",
    "parola_chiave",
    "percorso",
    "cartella",
    "pacchetto",
    "servizio",
    "contenitore",
    "immagine",
    "nome_file",
    "nomefile",
    "nome_host",
    "indirizzo_ip",
    // Chinese, Japanese, Russian
    "用户名",
    "密码",
    "域名",
    "服务器",
    "数据库",
    "数据库名",
    "容器名",
    "端口",
    "文件名",
    "路径",
    "镜像名",
    "ユーザー名",
    "パスワード",
    "ホスト名",
    "ドメイン",
    "ファイル名",
    "имя_пользователя",
    "пользователь",
    "пароль",
    "сервер",
    "домен",
    "путь",
    "имя_файла",
    "имя",
    "файл",
    "контейнер",
]);

/// Users that stand for a user before `@`.
pub(super) static USERS: Set = Set::new(&[
    "user",
    "username",
    "usuario",
    "utilisateur",
    "benutzer",
    "benutzername",
    "utente",
    "nutzer",
    "пользователь",
    "ユーザー",
    "ユーザ",
    "用户",
    "用户名",
    "you",
    "me",
    "someone",
    "myuser",
    "your_user",
    "name",
    "nombre",
    "login",
]);

/// Programs whose first argument is a host.
pub(super) const REACHES: &[&str] = &[
    "ssh",
    "scp",
    "rsync",
    "sftp",
    "ping",
    "telnet",
    "nc",
    "ssh-copy-id",
    "nmap",
    "traceroute",
    "dig",
    "nslookup",
];

/// Hosts that stand for a host, after `@` or as a host's first label.
pub(super) static HOSTS: Set = Set::new(&[
    "host",
    "hostname",
    "server",
    "servidor",
    "serveur",
    "server-ip",
    "server_ip",
    "serverip",
    "ip",
    "ip-or-hostname",
    "host-or-ip",
    "hostname-or-ip",
    "ip-address",
    "ip_address",
    "ip_servidor",
    "ip-servidor",
    "ip_del_servidor",
    "ip-del-servidor",
    "remote",
    "remote-host",
    "remote_host",
    "remotehost",
    "remoto",
    "domain",
    "dominio",
    "machine",
    "maquina",
    "yourserver",
    "myserver",
    "vps",
    "vps-ip",
    "vps_ip",
    "droplet-ip",
    "droplet_ip",
    "rechner",
    "zielhost",
    "zielserver",
    "хост",
    "сервер",
    "服务器",
    "サーバー",
    "somehost",
    "ip-do-servidor",
    "ip_do_servidor",
    "adresse-ip",
    "ip_serveur",
    "ip-serveur",
    "host_ip",
    "target",
    "ホスト",
    "ホスト名",
]);

/// Domains that nobody means: the second-level label of a host, whatever follows it.
pub(super) static DOMAINS: Set = Set::new(&[
    "example",
    "ejemplo",
    "exemplo",
    "exemple",
    "beispiel",
    "esempio",
    "domain",
    "dominio",
    "domaine",
    "domaene",
    "yourdomain",
    "mydomain",
    "tudominio",
    "midominio",
    "seudominio",
    "meudominio",
    "votredomaine",
    "mondomaine",
    "votresite",
    "monsite",
    "deinedomain",
    "deine-domain",
    "ihredomain",
    "ihre-domain",
    "meinedomain",
    "meine-domain",
    "tuodominio",
    "miodominio",
    "ilmiosito",
    "iltuosito",
    "tusitio",
    "misitio",
    "seusite",
    "meusite",
    "yoursite",
    "mysite",
    "yourcompany",
    "mycompany",
    "miempresa",
    "tuempresa",
    "suaempresa",
    "minhaempresa",
    "empresa",
    "company",
    "acme",
    "foo",
    "foobar",
    "yourserver",
    "myserver",
    "website",
    "somewhere",
    "yourapp",
    "myapp",
    "contoso",
    "unternehmen",
    "firma",
    "meinefirma",
    "azienda",
    "entreprise",
    "votre-domaine",
    "mon-domaine",
    "tu-dominio",
    "mi-dominio",
    "your-domain",
    "my-domain",
    "yourorg",
    "myorg",
    "your-org",
    "your-company",
    "my-company",
]);

/// Folders that stand for a path: their first part after the slash.
pub(super) const PATHS: &[&str] = &[
    "path", "ruta", "caminho", "chemin", "pfad", "percorso", "путь", "路径", "パス", "your",
    "full", "some", "absolute",
];

/// What comes after a word of [`PATHS`]: `/path/to/x`, `/ruta/a/x`.
pub(super) const PATH_LINKS: &[&str] = &[
    "to", "a", "al", "del", "de", "para", "ate", "do", "vers", "du", "zu", "zum", "zur", "al",
    "alla", "к", "до", "of", "on", "your",
];

/// Words that say that a value is not to be shown.
pub(super) const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "kennwort",
    "pass",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "access-key",
    "secret_key",
    "private_key",
    "credential",
    "contrasena",
    "clave",
    "secreto",
    "senha",
    "segredo",
    "chave",
    "mot_de_passe",
    "mot-de-passe",
    "motdepasse",
    "mdp",
    "cle",
    "geheim",
    "schlussel",
    "password",
    "chiave",
    "segreto",
    "密码",
    "密钥",
    "パスワード",
    "пароль",
    "секрет",
    "ключ",
    "key",
];

/// All-capital words that are what they say, and no placeholders.
pub(super) static CAPITALS: Set = Set::new(&[
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PURGE",
    "PROPFIND",
    "HUP",
    "KILL",
    "TERM",
    "INT",
    "QUIT",
    "STOP",
    "CONT",
    "USR1",
    "USR2",
    "SIGHUP",
    "SIGKILL",
    "SIGTERM",
    "SIGINT",
    "SIGQUIT",
    "SIGUSR1",
    "SIGUSR2",
    "SIGSTOP",
    "INPUT",
    "OUTPUT",
    "FORWARD",
    "ACCEPT",
    "DROP",
    "REJECT",
    "PREROUTING",
    "POSTROUTING",
    "MASQUERADE",
    "DNAT",
    "SNAT",
    "REDIRECT",
    "NEW",
    "ESTABLISHED",
    "RELATED",
    "INVALID",
    "TCP",
    "UDP",
    "LOG",
    "DOCKER",
    "DOCKER-USER",
    "RETURN",
    "ICMP",
    "FETCH_HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "README",
    "LICENSE",
    "CHANGELOG",
    "VERSION",
    "EOF",
    "UTC",
    "GMT",
    "UTF8",
    "UTF-8",
    "ASCII",
    "C",
    "POSIX",
    "JSON",
    "YAML",
    "CSV",
    "XML",
    "HTML",
    "TRUE",
    "FALSE",
    "YES",
    "NO",
    "ON",
    "OFF",
    "NULL",
    "NONE",
    "ALL",
    "ANY",
    "AND",
    "OR",
    "NOT",
    "LISTEN",
    "ESTAB",
    "TIME_WAIT",
    "CLOSE_WAIT",
    "ERROR",
    "WARN",
    "WARNING",
    "INFO",
    "DEBUG",
    "FATAL",
    "CRITICAL",
    "FAIL",
    "FAILED",
    "OK",
    "NOPASSWD",
    "ALL=(ALL)",
    "ROOT",
    "SYSTEM",
    "RSA",
    "AES",
    "AES256",
    "SHA256",
    "SHA1",
    "MD5",
    "ED25519",
    "PEM",
    "DER",
    "CA",
    "DNS",
    "IP",
    "A",
    "AAAA",
    "MX",
    "NS",
    "TXT",
    "CNAME",
    "SOA",
    "PTR",
    "SRV",
    "CAA",
    "AXFR",
    "TLS",
    "SSL",
    "HTTP",
    "HTTPS",
    "SSH",
    "API",
    "SQL",
    "ENTRYPOINT",
    "CMD",
    "ENV",
    "REPLICA",
    "PRIMARY",
    "MASTER",
    "SLAVE",
    "PING",
    "ALTER",
    "SELECT",
    "SET",
    "SHOW",
    "CREATE",
    "FROM",
    "WHERE",
    "TABLE",
    "INTO",
    "VALUES",
    "LIMIT",
    "RUNNING",
    "READY",
    "ACTIVE",
    "PENDING",
    "ONLINE",
    "OFFLINE",
    "GPT",
    "ESP",
    "ISO",
    "COPYING",
    "MANIFEST",
    "BACKUP",
    "LATEST",
    "INCLUDE",
    "EXCLUDE",
    "METADATA",
    "SCHEMA",
    "NAME",
    "STATE",
    "SIZE",
    "TYPE",
    "FSTYPE",
    "MOUNTPOINT",
    "UUID",
    "LABEL",
    "MODEL",
    "PID",
    "PPID",
    "USER",
    "COMMAND",
    "RSS",
    "CPU",
    "MEM",
]);

/// Programs whose words in capitals or doubtful nouns are patterns or text, not values.
pub(super) static TAKES_TEXT: Set = Set::new(&[
    "grep",
    "egrep",
    "fgrep",
    "zgrep",
    "rg",
    "ag",
    "ack",
    "awk",
    "gawk",
    "sed",
    "echo",
    "printf",
    "printenv",
    "unset",
    "read",
    "redis-cli",
    "iptables",
    "ip6tables",
    "nft",
    "pkill",
    "killall",
    "trap",
    "test",
    "[",
    "[[",
    "tr",
    "journalctl",
    "logger",
    "lsblk",
    "ps",
    "jq",
    "Select-String",
    "Write-Host",
    "Write-Output",
    "findstr",
    "wall",
    "select",
    "declare",
    "local",
]);

/// Commands whose questions are a dialogue that a person must lead; others ask once and go on.
pub(super) const DIALOGUES: &[&str] = &[
    "ssh-keygen",
    "adduser",
    "createsuperuser",
    "passwd",
    "mysql_secure_installation",
    "dpkg-reconfigure",
    "aws configure",
    "gcloud init",
    "gcloud auth",
    "az login",
    "gh auth",
    "heroku login",
    "rclone config",
    "npm init",
    "npm login",
    "npm adduser",
    "openssl req",
    "gpg --gen-key",
    "gpg --full-generate-key",
    "htpasswd",
    "smbpasswd",
    "createuser",
    "changepassword",
    "certbot certonly",
    "vault login",
    "firebase login",
    "vercel login",
    "dpkg-reconfigure",
    "raspi-config",
    "fdisk",
    "parted",
    "cfdisk",
    "kinit",
    "firebase init",
    "docker login",
    "pgbackrest",
    "ssh-copy-id",
];

/// Words too frequent in sentences to stand often in a command.
pub(super) static STOP_WORDS: Set = Set::new(&[
    "the", "you", "your", "and", "this", "that", "is", "are", "be", "to", "of", "with", "should",
    "will", "must", "then", "it", "if", "from", "when", "have", "has", "can", "we", "our", "not",
    "el", "la", "los", "las", "de", "del", "que", "y", "para", "con", "una", "un", "es", "se",
    "por", "su", "tu", "debe", "este", "esta", "al", "en", "o", "os", "as", "do", "da", "dos",
    "das", "e", "uma", "um", "voce", "nao", "com", "em", "no", "na", "le", "les", "des", "du",
    "et", "vous", "votre", "est", "une", "dans", "pour", "sur", "avec", "qui", "ne", "pas", "der",
    "die", "das", "und", "ist", "sie", "den", "dem", "ein", "eine", "mit", "auf", "nicht", "wird",
    "fur", "von", "zu", "im", "il", "lo", "gli", "che", "per", "della", "nel", "sono", "и", "в",
    "не", "на", "с", "что", "для", "это", "по",
]);

/// Lowers `text` and takes the accents off its Latin letters.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    fold_onto(text, &mut folded);
    Cow::Owned(folded)
}

/// Does what [`fold`] does, at the end of `folded`.
fn fold_onto(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let from = folded.len();
        folded.push_str(text);
        folded[from..].make_ascii_lowercase();
        return;
    }
    for c in text.chars().flat_map(char::to_lowercase) {
        let plain = match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
            'è' | 'é' | 'ê' | 'ë' => 'e',
            'ì' | 'í' | 'î' | 'ï' => 'i',
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
            'ù' | 'ú' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            'ñ' => 'n',
            'ё' => 'е',
            '’' => '\'',
            'ß' => {
                folded.push('s');
                's'
            }
            // Accents that stand beside their letter.
            '\u{300}'..='\u{36f}' => continue,
            _ => c,
        };
        folded.push(plain);
    }
}

/// Returns the first of `words` that stands in `folded`, as a word.
pub(super) fn find<'w>(folded: &str, words: &[&'w str]) -> Option<&'w str> {
    words.iter().copied().find(|word| stands_in(folded, word))
}

fn stands_in(folded: &str, word: &str) -> bool {
    let (word, any_ending) = word
        .strip_suffix('*')
        .map_or((word, false), |word| (word, true));
    let mut from = 0;
    while let Some(at) = place_of(&folded[from..], word) {
        let start = from + at;
        let end = start + word.len();
        let before = folded[..start].chars().next_back();
        let after = folded[end..].chars().next();
        let first = word.chars().next().is_some_and(is_spaced);
        let last = word.chars().next_back().is_some_and(is_spaced);
        if !(first && before.is_some_and(is_spaced))
            && (any_ending || !(last && after.is_some_and(is_spaced)))
        {
            return true;
        }
        from = start + folded[start..].chars().next().map_or(1, char::len_utf8);
    }
    false
}

// --- Texts that much is asked of --------------------------------------------------------------

/// The lists that a text around a fence is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Output,
    Looks,
    Example,
    CounterExample,
    /// Those of [`ALTERNATIVE`] that may stand anywhere in a line.
    Phrase,
    NumberedWay,
    Systems,
    Warning,
    Loses,
    Workstation,
    Server,
    ServerHeadings,
    Container,
    Restart,
    Shells,
    Forbids,
    Failure,
    Restores,
    Adjust,
    WrittenInto,
    Options,
    Recommended,
    Bridges,
}

/// In the order of [`List`].
const LISTS: [&[&str]; 23] = [
    OUTPUT,
    LOOKS,
    EXAMPLE,
    COUNTER_EXAMPLE,
    ALTERNATIVE,
    NUMBERED_WAY,
    SYSTEMS,
    WARNING,
    LOSES,
    WORKSTATION,
    SERVER,
    SERVER_HEADINGS,
    CONTAINER,
    RESTART,
    SHELLS,
    FORBIDS,
    FAILURE,
    RESTORES,
    ADJUST,
    WRITTEN_INTO,
    OPTIONS,
    RECOMMENDED,
    BRIDGES,
];

/// Folded text, and which words of which lists stand in it: found in one pass, whatever is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    text: String,
    /// List and index in it; the first word of each list only. Mostly empty.
    found: Vec<(u8, u16)>,
}

impl Heard {
    /// Folds `text` and listens to it.
    pub(super) fn new(text: &str) -> Self {
        let mut heard = Self::default();
        heard.listen(text);
        heard
    }

    /// Forgets what it heard, and listens to `text`: for many texts of which few say anything.
    pub(super) fn listen(&mut self, text: &str) {
        self.text.clear();
        self.found.clear();
        fold_onto(text, &mut self.text);
        INDEX.hear(&self.text, &mut self.found);
    }

    /// Returns the first word of `list` that stands in it, as [`find`] does.
    pub(super) fn find(&self, list: List) -> Option<&'static str> {
        let (_, index) = self.found.iter().find(|(of, _)| *of == list as u8)?;
        Some(LISTS[list as usize][usize::from(*index)])
    }

    /// Whether none of the words stands in it that mean something by themselves.
    pub(super) fn is_empty_of_words(&self) -> bool {
        let helps = |list: u8| list == List::Bridges as u8 || list == List::Looks as u8;
        self.found.iter().all(|(list, _)| helps(*list))
    }

    /// Whether it says that a value of the command beside it is to be replaced.
    pub(super) fn says_replace(&self) -> bool {
        self.find(List::Bridges).is_some() && says_replace(&self.text)
    }
}

impl Deref for Heard {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Whether this of [`ALTERNATIVE`] says so wherever it stands in a short line; the others must begin
/// the line or be all of it.
fn is_phrase(word: &str) -> bool {
    word.contains(' ')
        || !word.is_ascii() && word.ends_with(['一', '二', '1', '2'])
        || matches!(word, "另一种" | "instead" | "stattdessen")
}

/// Whether a folded sentence says that a value of the command beside it is to be replaced.
fn says_replace(folded: &str) -> bool {
    static FIRST: LazyLock<Marks> =
        LazyLock::new(|| Marks::new(REPLACE.iter().map(|(first, _)| first)));
    FIRST.stand_in(folded)
        && REPLACE.iter().any(|(first, second)| {
            folded
                .find(first)
                .is_some_and(|at| folded[at + first.len()..].contains(second))
        })
}

/// A word of a list.
#[derive(Clone, Copy)]
struct Entry {
    /// Of the part of the stem that says where it is kept.
    hash: u32,
    list: u8,
    index: u16,
    /// Without the `*`.
    stem: &'static str,
    any_ending: bool,
}

/// Words by how they begin.
struct Index {
    /// Sorted by slot; those of slot `n` stand at `starts[n]..starts[n + 1]`.
    entries: Vec<Entry>,
    starts: Vec<u16>,
    /// Words that any slot may begin, to be looked at everywhere.
    anywhere: Vec<Entry>,
}

/// A power of two.
const SLOTS: usize = 1 << 12;

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// Writing without spaces has no word ends.
fn is_spaced(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

const fn mixed(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn slot(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize & (SLOTS - 1)
}

fn hash_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(SEED, |hash, byte| mixed(hash, *byte))
}

const SEED: u32 = 0x811c_9dc5;

/// How much of a word with any ending says where it is kept: as much as it has of these.
const STUBS: [usize; 2] = [4, 2];

impl Index {
    fn new() -> Self {
        let mut placed: Vec<Entry> = Vec::new();
        let mut anywhere = Vec::new();
        for (list, words) in LISTS.iter().enumerate() {
            for (index, word) in words.iter().enumerate() {
                if list == List::Phrase as usize && !is_phrase(word) {
                    continue;
                }
                let (stem, any_ending) = word
                    .strip_suffix('*')
                    .map_or((*word, false), |stem| (stem, true));
                let token = stem.find(|c| !is_spaced(c)).unwrap_or(stem.len());
                let key = match stem.chars().next() {
                    Some(first) if token == 0 => Some(first.len_utf8()),
                    Some(_) if token < stem.len() || !any_ending => Some(token),
                    _ => STUBS.into_iter().find(|stub| *stub <= token),
                };
                let entry = Entry {
                    hash: hash_of(&stem.as_bytes()[..key.unwrap_or(0)]),
                    list: list as u8,
                    index: index as u16,
                    stem,
                    any_ending,
                };
                match key {
                    Some(_) => placed.push(entry),
                    None => anywhere.push(entry),
                }
            }
        }
        placed.sort_by_key(|entry| (slot(entry.hash), entry.list, entry.index));
        let starts = (0..=SLOTS)
            .map(|at| placed.partition_point(|entry| slot(entry.hash) < at) as u16)
            .collect();
        Self {
            entries: placed,
            starts,
            anywhere,
        }
    }

    fn hear(&self, text: &str, found: &mut Vec<(u8, u16)>) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            if bytes[at] == b' ' {
                at += 1;
                continue;
            }
            let mut hash = SEED;
            // A word, as far as it goes.
            loop {
                while let Some(byte) = bytes.get(at).filter(|it| it.is_ascii_alphanumeric()) {
                    hash = mixed(hash, *byte);
                    at += 1;
                }
                if bytes.get(at).is_none_or(u8::is_ascii) {
                    break;
                }
                let Some(c) = text[at..].chars().next().filter(|c| is_spaced(*c)) else {
                    break;
                };
                for byte in &bytes[at..at + c.len_utf8()] {
                    hash = mixed(hash, *byte);
                }
                at += c.len_utf8();
            }
            if at > start {
                self.look(hash, text, start, found);
                for stub in STUBS {
                    if at - start > stub {
                        self.look(hash_of(&bytes[start..start + stub]), text, start, found);
                    }
                }
                for entry in &self.anywhere {
                    note(entry, text, start, found);
                }
                continue;
            }
            // A mark, or a letter of writing without spaces.
            let length = text[at..].chars().next().map_or(1, char::len_utf8);
            at += length;
            self.look(hash_of(&bytes[start..at]), text, start, found);
        }
    }

    #[inline]
    fn look(&self, hash: u32, text: &str, start: usize, found: &mut Vec<(u8, u16)>) {
        let slot = slot(hash);
        let here = usize::from(self.starts[slot])..usize::from(self.starts[slot + 1]);
        for entry in self.entries[here].iter().filter(|it| it.hash == hash) {
            note(entry, text, start, found);
        }
    }
}

/// Notes `entry` where it stands at `start`, which no word runs up to.
fn note(entry: &Entry, text: &str, start: usize, found: &mut Vec<(u8, u16)>) {
    let Some(rest) = text[start..].strip_prefix(entry.stem) else {
        return;
    };
    let ends =
        entry.any_ending || !(entry.stem.ends_with(is_spaced) && rest.starts_with(is_spaced));
    if !ends {
        return;
    }
    match found.iter_mut().find(|(list, _)| *list == entry.list) {
        Some((_, index)) => *index = entry.index.min(*index),
        None => found.push((entry.list, entry.index)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{ALTERNATIVE, Heard, LISTS, List, REPLACE, find, fold, is_phrase};

    #[test]
    fn words_are_found_whole_and_without_accents() {
        assert_eq!(fold("Atención: ÇA, Größe"), "atencion: ca, grosse");
        assert_eq!(find(&fold("Salida:"), &["salida"]), Some("salida"));
        assert_eq!(find("outputs", &["output"]), None);
        assert_eq!(find("restarting", &["restart*"]), Some("restart*"));
        assert_eq!(find("下面是输出：", &["输出"]), Some("输出"));
        assert_eq!(find("❌ no", &["❌"]), Some("❌"));
        assert_eq!(find("для", &["дл"]), None);
    }

    const ALL: [List; 23] = [
        List::Output,
        List::Looks,
        List::Example,
        List::CounterExample,
        List::Phrase,
        List::NumberedWay,
        List::Systems,
        List::Warning,
        List::Loses,
        List::Workstation,
        List::Server,
        List::ServerHeadings,
        List::Container,
        List::Restart,
        List::Shells,
        List::Forbids,
        List::Failure,
        List::Restores,
        List::Adjust,
        List::WrittenInto,
        List::Options,
        List::Recommended,
        List::Bridges,
    ];

    fn check(text: &str) {
        let heard = Heard::new(text);
        for list in ALL {
            let words: Vec<&str> = LISTS[list as usize]
                .iter()
                .copied()
                .filter(|word| list != List::Phrase || is_phrase(word))
                .collect();
            assert_eq!(
                heard.find(list),
                find(&fold(text), &words),
                "{list:?} {text:?}"
            );
        }
    }

    /// What `says_alternative` leaves out before it asks.
    #[test]
    fn phrases_begin_with_a_letter() {
        let phrases = ALTERNATIVE.iter().filter(|word| is_phrase(word));
        assert!(phrases.clone().count() > 10);
        for phrase in phrases {
            assert!(phrase.starts_with(char::is_alphanumeric), "{phrase}");
        }
    }

    #[test]
    fn what_replaces_is_heard_by_the_word_between() {
        for (first, second) in REPLACE {
            let heard = Heard::new(&format!("{first}x a{second}b"));
            assert!(heard.says_replace(), "{first} {second}");
        }
        assert!(!Heard::new("replace it").says_replace());
    }

    #[test]
    fn each_word_is_heard() {
        for word in LISTS.iter().flat_map(|list| list.iter()) {
            let stem = word.trim_end_matches('*');
            for (before, after) in [
                ("", ""),
                (" ", ":"),
                ("x", ""),
                ("", "x"),
                ("或", "或"),
                ("é", "ü"),
            ] {
                check(&format!("{before}{stem}{after}"));
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_heard_is_what_is_found(words in proptest::collection::vec((0..23_usize, 0..200_usize, "( |, |x|或||\\PC)"), 0..8)) {
            let mut text = String::new();
            for (list, index, end) in words {
                let list = LISTS[list];
                text.push_str(list[index % list.len()].trim_end_matches('*'));
                text.push_str(&end);
            }
            check(&text);
            prop_assert_eq!(Heard::new(&text).to_string(), fold(&text));
        }
    }
}
