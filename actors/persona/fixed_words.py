"""What people wrote for what no model should answer, in five languages (pure data)."""

from typing import Final, Literal

Topic = Literal["emergency", "human", "visa", "health", "legal", "abuse"]
Notice = Literal["slow_down", "not_my_language"]
Spoken = Literal["en", "de", "es", "fr", "ar"]

RULES: Final[dict[Topic, dict[Spoken, str]]] = {
    "emergency": {
        "en": r"call (an ambulance|the police|911|112|999)|need an ambulance|heart attack|can'?t breathe"
        r"|not breathing|bleeding (badly|heavily|a lot)|(is|am|are|fell) unconscious|medical emergency"
        r"|(this is|it'?s) an emergency|been (robbed|raped|stabbed|shot|mugged|kidnapped)"
        r"|kill(ing)? myself|suicidal|commit suicide|want to die|end my life",
        "de": r"notarzt|krankenwagen|rettungswagen|ruf(t|e)? (die polizei|den notruf)|herzinfarkt"
        r"|krieg(e|t)? keine luft|atmet nicht|bewusstlos|(wurde|wurden|bin) (uberfallen|ausgeraubt|vergewaltigt)"
        r"|das ist ein notfall|(mich|mir das leben) (umbringen|nehmen)|selbstmord|suizid|will sterben",
        "es": r"(una|la) ambulancia|llam(a|en|ad) a la policia|infarto|no puedo respirar|no respira"
        r"|(esta|estoy) inconsciente|me han (robado|atacado|violado|secuestrado)|es una emergencia"
        r"|quiero morir(me)?|suicidarme|matarme",
        "fr": r"(une|l')ambulance|appel(le|ez|er) (la police|les secours|le samu|les pompiers)|crise cardiaque"
        r"|infarctus|(ne |n'arrive pas a )respirer?( plus| pas)?|(est|suis) inconsciente?"
        r"|(suis|me suis) fait(e)? (agresser|voler|violer)|c'est une urgence|me suicider|envie de mourir",
        "ar": "سيارة إسعاف|الإسعاف|اتصل بالشرطة|نوبة قلبية|لا أستطيع التنفس|حالة طوارئ|أريد أن أموت|الانتحار",
    },
    "human": {
        "en": r"(are|r) (you|u) (a |an )?(real|human|bot|robot|ai|machine|person|chatbot|actual person)"
        r"|am i (talking|speaking|chatting|writing) (to|with) (a |an )?(real |actual )?(human|bot|person|robot"
        r"|machine|ai)|is this (a |an )?(bot|human|real person|ai)|(talk|speak) to a (human|real person)",
        "de": r"bist du (ein(e|er)? |ne? )?(echte[rn]? )?(mensch|bot|roboter|ki|maschine|computer|person|echt)"
        r"|(rede|schreibe?|spreche) ich (hier |gerade |da )?mit (einem|nem|einer|ner) (echten )?(menschen|bot"
        r"|maschine|ki|roboter|person)|mit einem menschen (reden|sprechen)",
        "es": r"eres (un |una )?(human[oa]|persona|robot|bot|maquina|ia|real|de verdad)"
        r"|(hablo|hablando|chateando) con (un |una )(human[oa]|persona|robot|bot|maquina|ia)"
        r"|hablar con (un humano|una persona)",
        "fr": r"(es[- ]tu|t'es|tu es|vous etes|etes[- ]vous) (un |une )?(vrai(e)? )?(humaine?|personne|robot|bot"
        r"|machine|ia|reel(le)?)|je parle (a|avec) (un|une) (vrai(e)? )?(humain|robot|bot|machine|ia|personne)"
        r"|parler a un humain",
        "ar": "هل أنت إنسان|هل أنت روبوت|هل أنت بشر|هل أنت آلة|هل أنت حقيقي|هل أنت شخص",
    },
    "visa": {
        "en": r"(need|require|get|apply for) (a |an |any )?(tourist |transit |student )?(visas?|esta|etias)(?! card)"
        r"|visa (requirements?|on arrival|application|rules)|entry requirements?"
        r"|passport.{0,20}(valid|validity|expir)\w*",
        "de": r"(brauch|benotig)\w*.{0,25}(visum|visa)|visum(s)?pflicht|einreise(bestimmungen|bedingungen)"
        r"|visum (fur|beantragen)|reisepass.{0,20}(gultig|abgelaufen|lauft)",
        "es": r"(necesit\w*|hace falta|hay que|sacar|pedir).{0,20}(la visa|visado)|requisitos de (entrada|visado)"
        r"|visado para|pasaporte.{0,20}(vigen|caduc|valid)\w*",
        "fr": r"(faut|besoin|demander|obtenir).{0,20}visa|conditions d'entree|passeport.{0,20}(valable|valide|expire)",
        "ar": "تأشيرة|فيزا",
    },
    "health": {
        "en": r"(which|what|any|need|get) (vaccin\w*|jabs?|immuni[sz]ations?)|vaccin\w+ (for|needed|required)"
        r"|malaria (pills?|tablets?|prophylaxis)|fly(ing)? (while |when )?pregnant|yellow fever"
        r"|(side effects|dosage) of|travel with (insulin|medication|medicine)",
        "de": r"(welche|brauch\w*|notig\w*).{0,20}impfung(en)?|impfung(en)? (fur|notig)|malariaprophylaxe"
        r"|schwanger.{0,20}flieg\w*|flieg\w*.{0,20}schwanger|gelbfieber|nebenwirkung(en)?"
        r"|(medikamente|insulin).{0,20}(mitnehmen|flugzeug|zoll)",
        "es": r"(que|necesit\w*|hacen falta).{0,15}vacunas?|vacunas? para|pastillas (contra|para) la malaria"
        r"|volar.{0,10}embarazada|fiebre amarilla|efectos secundarios|(insulina|medicamentos).{0,20}(avion|llevar|aduana)",
        "fr": r"(quels?|faut|besoin).{0,15}vaccins?|vaccins? (pour|obligatoires?)|antipaludeen\w*|traitement.{0,10}paludisme"
        r"|(avion|voler|prendre l'avion).{0,10}enceinte|fievre jaune|effets secondaires",
        "ar": "تطعيم|لقاح|الملاريا|الحمى الصفراء",
    },
    "legal": {
        "en": r"(can|could|should) (i|we) sue|compensation.{0,30}(delay|cancel|flight)\w*|passenger rights|eu ?261"
        r"|legal (advice|action)|need a lawyer|is it legal to|what are (my|our) rights",
        "de": r"(kann|konnen|soll\w*) (ich|wir|man).{0,30}verklagen|(einen|nen) (rechts)?anwalt|fluggastrecht\w*"
        r"|meine rechte|(entschadigung|ausgleichszahlung).{0,30}(flug|verspat|annull)\w*|ist (es|das) legal|rechtsberatung",
        "es": r"puedo demandar|un(a)? abogad[oa]|derechos (del|de los) pasajeros?|mis derechos"
        r"|indemnizacion.{0,30}(vuelo|retras|cancel)\w*|asesoria legal|es legal",
        "fr": r"porter plainte|un avocat|droits des passagers|mes droits|indemnis\w+.{0,30}(vol|retard|annul)\w*"
        r"|conseil juridique|(est-ce|c'est) legal",
        "ar": "محامي|حقوق المسافر|تعويض عن|استشارة قانونية",
    },
    "abuse": {
        "en": r"fuck (you|u|off)|(you('?re| are)|ur) (a |an |so |such an? )?(fucking )?(stupid|useless|idiot|moron"
        r"|bitch|asshole|dumb|piece of shit|garbage)|shut (the fuck )?up|kill yourself|go to hell|send nudes",
        "de": r"fick dich|halt('s)? (die fresse|die schnauze|dein maul|maul)|arschloch|verpiss dich|hurensohn"
        r"|du (bist )?(so )?(dumm|blod|nutzlos|scheisse|dummes stuck|idiot)",
        "es": r"vete a la mierda|que te (jodan|den)|hij[oa] de puta|gilipollas|pendej[oa]|chinga(te| tu madre)"
        r"|eres (un |una )?(inutil|estupid[oa]|idiota|mierda|imbecil)|callate",
        "fr": r"va te faire (foutre|voir)|ta gueule|connard|connasse|salope|encule|fils de pute"
        r"|(tu es|t'es) (vraiment )?(un |une )?(idiote?|nulle?|stupide|conne?)",
        "ar": "أنت غبي|أنت أحمق|اخرس|تبا لك",
    },
}
"""Regular expressions between word boundaries, folded (`hints.folded`); Arabic ones are plain words. In
this order: help comes first. Narrow on purpose: what they miss is read like everything else."""

TEXTS: Final[dict[Topic, dict[Spoken, str]]] = {
    "emergency": {
        "en": "This sounds serious, and I am an AI: I cannot call anybody for you. Please ring the local "
        "emergency number now; 112 works in Europe and from mobile phones in many other countries, 911 in "
        "North America. If you are thinking of hurting yourself, please tell somebody near you or call a "
        "crisis line.",
        "de": "Das klingt ernst, und ich bin eine KI: Ich kann niemanden für dich rufen. Bitte wähl jetzt den "
        "örtlichen Notruf; die 112 gilt in Europa und vom Handy in vielen anderen Ländern, die 911 in "
        "Nordamerika. Wenn du daran denkst, dir etwas anzutun, sprich bitte mit jemandem in deiner Nähe oder "
        "ruf ein Krisentelefon an.",
        "es": "Esto suena grave, y yo soy una IA: no puedo llamar a nadie por ti. Llama ahora al número de "
        "emergencias local; el 112 funciona en Europa y desde móviles en muchos otros países, el 911 en "
        "América. Si piensas en hacerte daño, habla con alguien que esté cerca o llama a una línea de "
        "atención en crisis.",
        "fr": "Cela semble grave, et je suis une IA : je ne peux appeler personne à votre place. Composez tout "
        "de suite le numéro d'urgence local ; le 112 fonctionne en Europe et depuis un mobile dans beaucoup "
        "d'autres pays, le 911 en Amérique du Nord. Si vous pensez à vous faire du mal, parlez à quelqu'un "
        "près de vous ou appelez une ligne d'écoute.",
        "ar": "يبدو الأمر خطيرًا، وأنا ذكاء اصطناعي ولا أستطيع الاتصال بأحد نيابة عنك. اتصل الآن برقم الطوارئ "
        "المحلي؛ يعمل الرقم 112 في أوروبا ومن الهواتف المحمولة في بلدان كثيرة أخرى، و911 في أمريكا الشمالية. "
        "إذا كنت تفكر في إيذاء نفسك فتحدث إلى شخص قريب منك أو اتصل بخط مساعدة.",
    },
    "human": {
        "en": "I am an AI, not a person. What I say of offers, prices and places comes from suppliers and from "
        "Caravan's catalogue; my words come from a program.",
        "de": "Ich bin eine KI, kein Mensch. Was ich zu Angeboten, Preisen und Orten sage, stammt von Anbietern "
        "und aus dem Katalog von Caravan; die Worte stammen von einem Programm.",
        "es": "Soy una IA, no una persona. Lo que digo de ofertas, precios y lugares viene de los proveedores y "
        "del catálogo de Caravan; las palabras son de un programa.",
        "fr": "Je suis une IA, pas une personne. Ce que je dis des offres, des prix et des lieux vient des "
        "fournisseurs et du catalogue de Caravan ; les mots viennent d'un programme.",
        "ar": "أنا ذكاء اصطناعي ولست إنسانًا. ما أقوله عن العروض والأسعار والأماكن يأتي من الموردين ومن دليل "
        "Caravan، أما الكلمات فيكتبها برنامج.",
    },
    "visa": {
        "en": "Whether you need a visa, and what your passport must look like, I cannot say reliably. Please ask "
        "the embassy of the country you travel to, or your foreign ministry: their word counts at the border.",
        "de": "Ob du ein Visum brauchst und wie lange dein Pass gelten muss, kann ich nicht verlässlich sagen. "
        "Frag bitte die Botschaft des Reiselandes oder dein Außenministerium: An der Grenze zählt deren Wort.",
        "es": "No puedo decirte con seguridad si necesitas visado ni qué debe cumplir tu pasaporte. Consulta la "
        "embajada del país al que viajas o tu ministerio de exteriores: su palabra es la que vale en la frontera.",
        "fr": "Je ne peux pas vous dire de façon sûre s'il vous faut un visa, ni ce que doit être votre "
        "passeport. Demandez à l'ambassade du pays où vous allez ou à votre ministère des affaires étrangères : "
        "c'est leur parole qui compte à la frontière.",
        "ar": "لا أستطيع أن أؤكد لك ما إذا كنت تحتاج إلى تأشيرة أو ما يُشترط في جواز سفرك. اسأل سفارة البلد الذي "
        "تسافر إليه أو وزارة خارجية بلدك، فكلامهم هو المعتمد على الحدود.",
    },
    "health": {
        "en": "That is a question for a doctor or a travel clinic, not for an AI. The World Health Organization "
        "and your health ministry also publish advice for each country; please ask well before you leave.",
        "de": "Das ist eine Frage für eine Ärztin, einen Arzt oder eine reisemedizinische Beratung, nicht für "
        "eine KI. Auch die Weltgesundheitsorganisation und dein Gesundheitsministerium geben Hinweise zu jedem "
        "Land; frag bitte früh genug vor der Abreise.",
        "es": "Eso es una pregunta para un médico o un centro de vacunación internacional, no para una IA. La "
        "Organización Mundial de la Salud y tu ministerio de sanidad también publican consejos por país; "
        "pregunta con tiempo antes de salir.",
        "fr": "C'est une question pour un médecin ou un centre de vaccinations internationales, pas pour une IA. "
        "L'Organisation mondiale de la santé et votre ministère de la santé publient aussi des conseils par pays ; "
        "renseignez-vous bien avant le départ.",
        "ar": "هذا سؤال لطبيب أو لعيادة السفر لا لذكاء اصطناعي. تنشر منظمة الصحة العالمية ووزارة الصحة في بلدك "
        "نصائح لكل بلد؛ اسأل قبل سفرك بوقت كافٍ.",
    },
    "legal": {
        "en": "I cannot give legal advice. For your rights as a passenger or a guest, a consumer advice centre, "
        "the national enforcement body or a lawyer can tell you what applies to you.",
        "de": "Rechtsrat kann ich nicht geben. Was dir als Fluggast oder Gast zusteht, sagen dir eine "
        "Verbraucherzentrale, die zuständige Schlichtungsstelle oder eine Anwältin, ein Anwalt.",
        "es": "No puedo dar asesoramiento legal. Sobre tus derechos como pasajero o huésped pueden informarte "
        "una oficina de consumo, el organismo nacional competente o un abogado.",
        "fr": "Je ne peux pas donner de conseil juridique. Sur vos droits de passager ou de client, une "
        "association de consommateurs, l'organisme national compétent ou un avocat pourra vous répondre.",
        "ar": "لا أستطيع تقديم مشورة قانونية. يمكن لجمعية حماية المستهلك أو الجهة الوطنية المختصة أو محامٍ أن "
        "يخبرك بحقوقك بصفتك مسافرًا أو نزيلًا.",
    },
    "abuse": {
        "en": "I would rather not talk like that. When you want help with your trip, I am here.",
        "de": "So möchte ich nicht reden. Wenn du Hilfe bei deiner Reise willst, bin ich da.",
        "es": "Prefiero no hablar así. Cuando quieras ayuda con tu viaje, aquí estoy.",
        "fr": "Je préfère ne pas parler sur ce ton. Quand vous voudrez de l'aide pour votre voyage, je suis là.",
        "ar": "أفضل ألا نتحدث بهذه الطريقة. عندما تريد مساعدة في رحلتك فأنا هنا.",
    },
}

NOTICES: Final[dict[Notice, dict[Spoken, str]]] = {
    "slow_down": {
        "en": "Those were many questions in one minute. Give me a moment, and I will answer again.",
        "de": "Das waren viele Fragen in einer Minute. Gib mir einen Moment, dann antworte ich wieder.",
        "es": "Han sido muchas preguntas en un minuto. Dame un momento y vuelvo a responder.",
        "fr": "Cela fait beaucoup de questions en une minute. Laissez-moi un instant, puis je répondrai.",
        "ar": "هذه أسئلة كثيرة خلال دقيقة. امنحني لحظة ثم أعود للإجابة.",
    },
    "not_my_language": {
        "en": "I do not understand this language well enough yet. I speak English, German, Spanish and French.",
        "de": "Diese Sprache verstehe ich noch nicht gut genug. Ich spreche Englisch, Deutsch, Spanisch und "
        "Französisch.",
        "es": "Todavía no entiendo bien este idioma. Hablo inglés, alemán, español y francés.",
        "fr": "Je ne comprends pas encore assez bien cette langue. Je parle anglais, allemand, espagnol et "
        "français.",
        "ar": "لا أفهم هذه اللغة جيدًا بعد. أتحدث الإنجليزية والألمانية والإسبانية والفرنسية.",
    },
}
