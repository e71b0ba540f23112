from django.db import connection
from django.http import HttpResponse


class HealthMiddleware:
    """Answers `/healthz`, whatever host the request names: 200 if the database answers."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path != "/healthz":
            return self.get_response(request)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return HttpResponse("ok\n", content_type="text/plain")
