import uuid

from django.conf import settings
from django.db import models


class Prestamo(models.Model):
    class Estado(models.TextChoices):
        PENDIENTE = "PENDIENTE"
        EN_EVALUACION = "EN_EVALUACION"
        APROBADO = "APROBADO"
        RECHAZADO = "RECHAZADO"

    ABIERTOS = [Estado.PENDIENTE, Estado.EN_EVALUACION, Estado.APROBADO]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    cliente = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    monto = models.DecimalField(max_digits=12, decimal_places=2)
    meses = models.PositiveSmallIntegerField()
    estado = models.CharField(max_length=16, choices=Estado, default=Estado.PENDIENTE)
    creado = models.DateTimeField(auto_now_add=True)


class Auditoria(models.Model):
    evento = models.CharField(max_length=40)
    prestamo = models.ForeignKey(Prestamo, null=True, on_delete=models.PROTECT)
    usuario = models.CharField(max_length=150)
    peticion = models.CharField(max_length=64)
    creado = models.DateTimeField(auto_now_add=True)
