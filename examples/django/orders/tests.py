from django.test import TestCase

from orders.models import Order


class PagesTest(TestCase):
    def test_the_health_page_answers_to_every_host_and_the_others_to_those_that_are_allowed(self):
        for path, host, expected in [
            ("/healthz", "10.0.0.7", 200),
            ("/admin", "shop.example", 301),
            ("/orders/", "shop.example", 200),
            ("/orders/", "10.0.0.7", 400),
        ]:
            with self.settings(ALLOWED_HOSTS=["shop.example"]):
                answer = self.client.get(path, headers={"host": host})
            self.assertEqual(answer.status_code, expected, path)

    def test_a_new_order_has_a_status(self):
        Order.objects.create(article="chair")
        answer = self.client.get("/orders/")
        self.assertEqual(answer.json()["orders"][0]["status"], "new")
