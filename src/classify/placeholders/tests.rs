use super::{Dialect, find};

fn check(command: &str) -> String {
    let programs = [
        "ls", "wc", "grep", "sudo", "apt", "docker", "ssh", "jq", "sort",
    ];
    let found: Vec<String> = find(command, Dialect::Shell, &|name| programs.contains(&name))
        .into_iter()
        .filter(|found| found.rule != "address")
        .map(|found| format!("{}:{}", found.rule, &command[found.range]))
        .collect();
    found.join(" ")
}

#[test]
fn values_left_to_the_reader_are_found() {
    for (command, expected) in [
        (
            "ssh -p <PUERTO> deploy@<IP>",
            "placeholder:<PUERTO> placeholder:<IP>",
        ),
        ("apt remove nombre-paquete", "placeholder:nombre-paquete"),
        (
            "curl https://tu-dominio.com/x",
            "placeholder:tu-dominio.com",
        ),
        (
            "curl https://api.example.com/x",
            "placeholder:api.example.com",
        ),
        ("mysql -u root -pyour_password", "placeholder:your_password"),
        ("export TOKEN=your-token", "example-value:TOKEN=your-token"),
        (
            "python /path/to/backup.py",
            "placeholder:/path/to/backup.py",
        ),
        ("python /ruta/a/backup.py", "placeholder:/ruta/a/backup.py"),
        ("docker logs container_name", "placeholder:container_name"),
        ("docker logs CONTAINER_ID", "placeholder:CONTAINER_ID"),
        ("ssh user@host", "placeholder:user@host"),
        ("ssh root@IP", "placeholder:root@IP"),
        (
            "scp f usuario@servidor:/tmp",
            "placeholder:usuario@servidor",
        ),
        ("cat [archivo]", "placeholder:[archivo]"),
        ("x {name}", "placeholder:{name}"),
        ("x {{ value }}", "placeholder:{{ value }}"),
        ("curl -H 'Authorization: Bearer sk-...'", ""),
        ("x --key sk-...", "placeholder:sk-..."),
        ("cat /srv/users/USERNAME.conf", "placeholder:USERNAME"),
        ("cp dump_TIMESTAMP.sql x", "placeholder:TIMESTAMP"),
        ("cat README.md", ""),
        ("ping ip", "placeholder:ip"),
        ("minikube ip", ""),
        ("x --from-literal=password=$(pwgen)", ""),
        ("x -o jsonpath='{range .items[*]}{.name}{end}'", ""),
        ("x postgres://postgres:postgres@localhost/db", ""),
        (
            "x postgres://app:geheim@localhost/db",
            "example-value:postgres://app:geheim@localhost/db",
        ),
        ("docker run ... nginx", "ellipsis:..."),
        ("x re_xxxxxxxx", "placeholder:re_xxxxxxxx"),
        ("ping 192.168.x.x", "placeholder:192.168.x.x"),
        ("ping 203.0.113.7", "placeholder:203.0.113.7"),
        ("ping 1.2.3.4", "placeholder:1.2.3.4"),
        ("mysql <数据库>", "placeholder:<数据库>"),
        ("ssh [nom_du_serveur]", "placeholder:[nom_du_serveur]"),
        ("createdb VOTRE_BASE", "placeholder:VOTRE_BASE"),
        ("createdb dein-name", "placeholder:dein-name"),
        ("createdb ваш_база", "placeholder:ваш_база"),
        ("createdb 你的库", "placeholder:你的库"),
        ("createdb mydb", "placeholder:mydb"),
        ("./deploy.sh dev|stage|prod", "menu:dev|stage"),
        ("git revert 3f2a1b9", "example-value:3f2a1b9"),
        ("kill -9 12345", "placeholder:12345"),
        ("dd if=a.iso of=/dev/sdX", "placeholder:sdX"),
        ("cat /home/user/x", "placeholder:user"),
        (
            "tar xzf backup_20240115.tar.gz",
            "example-value:backup_20240115.tar.gz",
        ),
        (
            "docker run -e POSTGRES_PASSWORD=secret postgres",
            "example-value:POSTGRES_PASSWORD=secret",
        ),
        (
            "certbot -m simon@smart.com",
            "example-value:simon@smart.com",
        ),
        (
            "cat <<EOF\nhost: <YOUR_HOST>\nEOF\n",
            "placeholder:<YOUR_HOST>",
        ),
    ] {
        assert_eq!(check(command), expected, "{command}");
    }
}

#[test]
fn values_of_this_machine_are_left_alone() {
    for command in [
        "sudo systemctl restart nginx",
        "docker compose up -d",
        "sudo apt update && sudo apt install -y nginx",
        "pg_dump integral_service_db > backup.sql",
        "cp .env.example .env",
        "cp config.example.yml config.yml",
        "curl -X POST http://127.0.0.1:8000/api/",
        "docker ps --format '{{.Names}}'",
        "ls|wc -l",
        "sort < in > out",
        "find . -name '*.log' -exec rm {} \\;",
        "awk '{print $1}' f",
        "curl -w '%{http_code}' x.io",
        "pip install 'uvicorn[standard]'",
        "journalctl -u nginx --since \"2024-01-15\"",
        "grep ERROR /var/log/syslog",
        "kill -HUP $(cat /run/nginx.pid)",
        "ls [a-z]*",
        "[ -f x ] && echo y",
        "cat /etc/passwd /etc/hostname",
        "git reset --hard HEAD",
        "mysqldump -u root -p shop > shop.sql",
        "sudo ufw allow 80/tcp",
        "ping 8.8.8.8",
        "export PATH=$PATH:/usr/local/bin",
        "echo \"Starting...\"",
        "go test ./...",
        "date +%Y-%m-%d",
        "docker login --password-stdin",
        "cat <<EOF\n<html>\nEOF\n",
        "git clone git@github.com:acme-corp/shop.git",
        "kubectl get pods -o custom-columns=NAME:.metadata.name",
        "sudo hostnamectl set-hostname web1",
        "dig +short smartsolutions.com.ve A",
        "lsof -iTCP:80 -sTCP:LISTEN",
        "chmod 600 ~/.ssh/id_ed25519",
    ] {
        assert_eq!(check(command), "", "{command}");
    }
}

#[test]
fn values_of_more_languages_are_found() {
    for (command, expected) in [
        (
            "git clone https://github.com/gebruiker/app",
            "placeholder:gebruiker",
        ),
        (
            "git clone git@github.com:empresa/app.git",
            "placeholder:empresa",
        ),
        (
            "wget https://raw.githubusercontent.com/kullanici/app/main/x.sh",
            "placeholder:kullanici",
        ),
        (
            "docker push gebruikersnaam/app",
            "placeholder:gebruikersnaam",
        ),
        ("docker push shop/app", ""),
        ("ls nazwa-uslugi", "placeholder:nazwa-uslugi"),
        ("ls mijnproject", "placeholder:mijnproject"),
        ("ls kullanıcı_adı", "placeholder:kullanıcı_adı"),
        (
            "ls carpeta-del-proyecto",
            "placeholder:carpeta-del-proyecto",
        ),
        ("ls NomDuService", "placeholder:NomDuService"),
        (
            "journalctl -u nombre-servicio",
            "placeholder:nombre-servicio",
        ),
        ("journalctl -u nginx", ""),
        ("dig miweb.com", "placeholder:miweb.com"),
        (
            "iptables -A INPUT -s 1.2.3.4 -j DROP",
            "placeholder:1.2.3.4",
        ),
    ] {
        assert_eq!(check(command), expected, "{command}");
    }
}

#[test]
fn what_only_the_writer_can_have_meant_is_told_apart() {
    let own = |command: &str| -> String {
        let found = find(command, Dialect::Shell, &|_| true);
        let own = found.iter().filter(|found| found.rule == "address");
        own.map(|found| &command[found.range.clone()])
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (command, expected) in [
        ("mount /dev/sdb1 /mnt", "sdb1"),
        ("growpart /dev/nvme0n1 1", "nvme0n1"),
        ("dd of=/dev/null", ""),
        ("git checkout feature-x", "feature-x"),
        ("git checkout main", ""),
        ("git push origin main", ""),
        ("git push", ""),
        ("git push origin v1.2.0", "v1.2.0"),
        ("helm rollback shop 12", "12"),
        ("kubectl rollout undo deploy/web --to-revision=4", "4"),
        ("pm2 restart 0", "0"),
        ("sed -n '120,180p' app.log", "120"),
        ("sed -n 5p app.log", ""),
        ("useradd -m john", "john"),
        ("useradd -m deploy", ""),
    ] {
        assert_eq!(own(command), expected, "{command}");
    }
    assert_eq!(
        check("tar xzf backup.tar.gz"),
        "example-value:backup.tar.gz"
    );
    assert_eq!(check("tar czf backup.tar.gz data"), "");
    assert_eq!(check("unzip archivo.zip"), "example-value:archivo.zip");
    assert_eq!(check("unzip shop-2.zip"), "");
}

#[test]
fn what_is_set_is_given() {
    for command in [
        "NEW_PASSWORD=$(openssl rand -hex 8)",
        "export MY_IP=$(curl -s ifconfig.me)",
        "OLD_NAME=web ls",
    ] {
        assert_eq!(check(command), "", "{command}");
    }
    assert_eq!(check("ls OLD_NAME"), "placeholder:OLD_NAME");
}
