//! Headings → sections, and which of them run only when they are named.

use crate::markdown::{Anchors, Document, folded_words};
use crate::model::{Section, Span};

/// Words, or words in a row, of headings whose sections are on demand. Without accents, lower case.
/// A `*` stands for any ending.
const ON_DEMAND: &[&str] = &[
    // English
    "rollback*",
    "roll back",
    "rolling back",
    "undo",
    "revert*",
    "restore",
    "restoring",
    "restoration",
    "troubleshoot*",
    "disaster recovery",
    "faq*",
    "frequently asked questions",
    "common problems",
    "common errors",
    "common issues",
    "known issues",
    "appendix",
    "appendices",
    "annex*",
    "uninstall*",
    // Spanish
    "vuelta atras",
    "marcha atras",
    "deshacer",
    "reversion",
    "revertir",
    "restaurar",
    "restauracion*",
    "solucion de problemas",
    "solucion de errores",
    "resolucion de problemas",
    "resolucion de errores",
    "problemas comunes",
    "problemas frecuentes",
    "problemas conocidos",
    "errores comunes",
    "errores frecuentes",
    "preguntas frecuentes",
    "apendice*",
    "anexo*",
    "desinstala*",
    // Portuguese
    "desfazer",
    "reverter",
    "reversao",
    "restauracao",
    "solucao de problemas",
    "resolucao de problemas",
    "perguntas frequentes",
    "problemas comuns",
    "erros comuns",
    // French
    "retour arriere",
    "retour en arriere",
    "annuler",
    "annulation",
    "restaurer",
    "restauration",
    "depannage",
    "resolution des problemes",
    "resolution de problemes",
    "problemes courants",
    "erreurs courantes",
    "foire aux questions",
    "questions frequentes",
    "annexe*",
    "appendice*",
    "desinstall*",
    // German
    "zurucksetzen",
    "zuruckrollen",
    "ruckgangig",
    "wiederherstell*",
    "fehlerbehebung",
    "fehlersuche",
    "problemlosung*",
    "problembehebung",
    "haufige fragen",
    "haufige fehler",
    "haufige probleme",
    "anhang",
    "anhange",
    "deinstall*",
];

/// Returns the sections of a document: the first is what stands before any heading.
pub(super) fn sections(document: &Document<'_>) -> Vec<Section> {
    let mut sections = vec![Section {
        title: String::new(),
        path: Vec::new(),
        level: 0,
        anchor: String::new(),
        line: 1,
        span: Span::default(),
        on_demand: false,
    }];
    let mut anchors = Anchors::default();
    let title = title(document);
    // The sections that the next heading may stand in.
    let mut open: Vec<usize> = Vec::new();
    for (index, heading) in document.headings.iter().enumerate() {
        let anchor = anchors.next(&heading.text);
        if heading.is_nested {
            continue;
        }
        open.retain(|index| sections[*index].level < heading.level);
        let above = open.last().map(|index| &sections[*index]);
        let mut path = above.map_or_else(Vec::new, |section| section.path.clone());
        path.push(heading.text.to_string());
        let on_demand = above.is_some_and(|section| section.on_demand)
            || title != Some(index) && is_on_demand(&heading.text);
        open.push(sections.len());
        sections.push(Section {
            title: heading.text.to_string(),
            path,
            level: heading.level,
            anchor,
            line: heading.line,
            span: heading.span,
            on_demand,
        });
    }
    sections
}

/// Returns which heading is the title of the whole document: a first one above all others. Who runs a
/// document that is called "Rollback" has asked for it.
fn title(document: &Document<'_>) -> Option<usize> {
    let first = document.headings.iter().position(|it| !it.is_nested)?;
    let level = document.headings[first].level;
    let mut rest = document.headings[first + 1..].iter();
    let is_above_all = rest.len() > 0 && rest.all(|it| it.is_nested || it.level > level);
    is_above_all.then_some(first)
}

fn is_on_demand(heading: &str) -> bool {
    let words = folded_words(heading);
    ON_DEMAND.iter().any(|entry| {
        let first = entry.as_bytes().first();
        (0..words.len())
            .filter(|from| words[*from].as_bytes().first() == first)
            .any(|from| {
                let mut words = words[from..].iter();
                entry.split(' ').all(|wanted| {
                    words
                        .next()
                        .is_some_and(|word| match wanted.strip_suffix('*') {
                            Some(beginning) => word.starts_with(beginning),
                            None => word == wanted,
                        })
                })
            })
    })
}

#[cfg(test)]
mod tests {
    use super::{is_on_demand, sections};
    use crate::markdown::{folded_words, outline};

    #[test]
    fn headings_of_emergencies_are_on_demand_in_five_languages() {
        for heading in [
            "Rollback",
            "🔧 Troubleshooting",
            "8. Solución de problemas",
            "VUELTA ATRÁS",
            "Cómo deshacer el cambio",
            "Restaurar un backup",
            "Restauración",
            "FAQ",
            "Apéndice B: puertos",
            "Anexo 1",
            "Solução de problemas",
            "Dépannage",
            "Retour en arrière",
            "Fehlerbehebung",
            "Rückgängig machen",
            "Wiederherstellung",
            "Problemas Comunes",
        ] {
            assert!(is_on_demand(heading), "{heading}");
        }
        for heading in [
            "Deploy",
            "Backup",
            "Problemas",
            "Restart",
            "Annual report",
            "Undone",
            "",
        ] {
            assert!(!is_on_demand(heading), "{heading}");
        }
    }

    #[test]
    fn subsections_follow_their_section() {
        let found = sections(&outline(
            "# A\n### B\n## Rollback\n### C\n## D\n> # Q\n# E\n",
        ));
        let shown: Vec<_> = found
            .iter()
            .map(|section| {
                format!(
                    "{}{}",
                    section.path.join("/"),
                    if section.on_demand { " !" } else { "" }
                )
            })
            .collect();
        assert_eq!(
            shown,
            ["", "A", "A/B", "A/Rollback !", "A/Rollback/C !", "A/D", "E"]
        );
    }

    #[test]
    fn the_title_of_a_document_puts_nothing_on_demand() {
        let check = |text: &str| {
            let found = sections(&outline(text));
            let shown = found.iter().skip(1);
            shown
                .map(|it| if it.on_demand { '!' } else { '.' })
                .collect::<String>()
        };
        assert_eq!(check("# Rollback of the shop\n## Do\n## FAQ\n"), "..!");
        // With others beside it, or alone, a heading is a section.
        assert_eq!(check("# Rollback\n## Do\n# Deploy\n"), "!!.");
        assert_eq!(check("## Rollback\n"), "!");
    }

    #[test]
    fn words_leave_numbering_and_marks_out() {
        assert_eq!(
            folded_words("10. SSL/TLS y Let's Encrypt ✅"),
            ["ssl", "tls", "y", "lets", "encrypt"]
        );
        assert_eq!(folded_words("1.2.3 Índice"), ["indice"]);
        assert_eq!(folded_words("2024"), ["2024"]);
    }
}
