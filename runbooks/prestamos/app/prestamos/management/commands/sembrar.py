import os

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from prestamos.models import Auditoria, Prestamo


class Command(BaseCommand):
    help = "Crea los usuarios y un préstamo aprobado; repetirlo no cambia nada."

    def handle(self, *args, **options):
        User = get_user_model()
        for nombre, clave in [("admin", "CLAVE_ADMIN"), ("cliente", "CLAVE_CLIENTE")]:
            user, nuevo = User.objects.get_or_create(
                username=nombre, defaults={"is_staff": nombre == "admin"}
            )
            if nuevo or not user.check_password(os.environ[clave]):
                user.set_password(os.environ[clave])
                user.save()
        it, nuevo = Prestamo.objects.get_or_create(
            cliente=User.objects.get(username="cliente"),
            monto=1000,
            meses=12,
            defaults={"estado": Prestamo.Estado.APROBADO},
        )
        if nuevo:
            Auditoria.objects.create(
                evento="SEMBRADO", prestamo=it, usuario="sembrar", peticion="-"
            )
        self.stdout.write(
            f"usuarios: {User.objects.count()}, préstamos: {Prestamo.objects.count()}"
        )
