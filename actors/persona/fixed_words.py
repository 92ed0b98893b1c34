"""The rules by which a message is answered by people's words, in five languages (pure data)."""

from typing import Final, Literal

Topic = Literal[
    "emergency", "lost", "human", "visa", "safety", "health", "legal", "abuse", "memory"
]
Notice = Literal["slow_down", "not_my_language"]
Spoken = Literal["en", "de", "es", "fr", "ar"]

PRESSING: Final = frozenset[Topic]({"emergency", "lost", "human", "memory"})
"""What is answered whoever it was meant for, once somebody talks with a persona; a cry for help among people who are
silent too."""

LAUGHS: Final = (
    r"\b(?:a*(?:ha){2,}h?|lo+l|lmf?ao|rofl|(?:ja){2,}|(?:je){2,}|mdr+|ptdr|haha\w*)\b|[😂🤣😅😆]"
)
"""Among people these make a cry for help a joke."""

RULES: Final[dict[Topic, dict[Spoken, str]]] = {
    "emergency": {
        "en": r"call (an ambulance|a doctor|the police|911|112|999)|need an? (ambulance|doctor)|heart attack|can'?t breathe"
        r"|not breathing|bleeding (badly|heavily|a lot)|(is|am|are|fell) unconscious|medical emergency"
        r"|(this is|it'?s) an emergency|been (robbed|raped|stabbed|shot|mugged|kidnapped)"
        r"|(is|am|are|'s|'m|'re) bleeding|(had|in|been in|there'?s been|there was) an? (car |bad |serious |bike )?(accident|crash)"
        r"|(there'?s|there is) a fire|(room|hotel|house|building|car) is on fire"
        r"|chest pains?|(having|had|has) an? (stroke|seizure|asthma attack|(severe |bad )?allergic reaction)"
        r"|(is|am|are|'s|'m|'re) (choking|drowning)|(he|she|friend|husband|wife|partner|dad|father|mum|mom|mother|son"
        r"|daughter|baby)( has| just)* (collapsed|fainted)|kill(ing)? myself|suicidal|commit suicide|want to die|end my life",
        "de": r"blutet( stark)?|(hatten|hatte|gab) (gerade |eben )?einen (schweren )?(auto)?unfall|es brennt|notruf(nummer)?|notarzt|krankenwagen|rettungswagen|ruf(t|e)? (die polizei|den notruf)|herzinfarkt"
        r"|krieg(e|t)? keine luft|atmet nicht|bewusstlos|(wurde|wurden|bin) (uberfallen|ausgeraubt|vergewaltigt)"
        r"|brustschmerzen|schmerzen in der brust|schlaganfall|krampfanfall|(erstickt|ertrinkt) gerade"
        r"|(ist|bin) (gerade )?(ohnmachtig|zusammengebrochen)|das ist ein notfall|(mich|mir das leben) (umbringen|nehmen)|selbstmord|suizid|will sterben",
        "es": r"(esta|estoy) sangrando|(hemos tenido|he tenido|ha habido|tuvimos) un accidente|hay un incendio|socorro|numero de (emergencias?|urgencias)|respira (muy )?mal"
        r"|(una|la) ambulancia|llam(a|en|ad) a la policia|infarto|no puedo respirar|no respira"
        r"|(esta|estoy) inconsciente|me han (robado(?! (el|la|los|las|mi|mis) )|atacado|violado|secuestrado)|es una emergencia"
        r"|dolor(es)? (en el|de) pecho|derrame cerebral|un ictus|se esta ahogando|se ha desmayado|quiero morir(me)?|suicidarme|matarme",
        "fr": r"saigne( beaucoup)?|(avons eu|ai eu|on a eu|il y a eu) un accident|il y a (le feu|un incendie)|au secours|fait un malaise|respire (tres )?mal|numero (des|d') ?urgences?"
        r"|(une|l')ambulance|appel(le|ez|er) (la police|les secours|le samu|les pompiers)|crise cardiaque"
        r"|infarctus|(ne |n'arrive pas a )respirer?( plus| pas)?|(est|suis) inconsciente?"
        r"|(suis|me suis) fait(e)? (agresser|voler(?! (mon|ma|mes|notre|nos|le|la|les|l')\b)|violer)|(mal|douleurs?) (a|dans) la poitrine"
        r"|fait un avc|s'etouffe|se noie|s'est evanouie?|c'est une urgence|me suicider|envie de mourir",
        "ar": "سيارة إسعاف|الإسعاف|اتصل بالشرطة|نوبة قلبية|لا أستطيع التنفس|حالة طوارئ|أريد أن أموت|الانتحار",
    },
    "lost": {
        "en": r"(my|our|his|her|their) (passports?|wallet|purse|bag|phone|id card|credit cards?)"
        r"((,| and)+( my| our| the)? (passports?|wallet|purse|bag|phone|id card|credit cards?|money|cash|keys))*( just)?"
        r" (was|were|is|are|got|has been|have been) (just )?(stolen|lost|missing|gone)"
        r"|(lost|stole) (my|our|his|her|their) (passports?|wallet|purse|id card|credit cards?)",
        "de": r"(mein|unser|sein|ihr)e?n? (reise)?(pass|passe|geldbeutel|portemonnaie|handtasche|ausweis|kreditkarte)"
        r"( und (mein|unser|das|der|die)?(e|en)? ?(reise)?(pass|passe|geldbeutel|portemonnaie|handtasche|ausweis|kreditkarte|geld|handy))*"
        r" (wurden?|ist|sind) (mir |uns )?(gerade |eben )?(gestohlen|geklaut|weg|verschwunden)"
        r"|(reise)?(pass|passe|geldbeutel|portemonnaie|ausweis|kreditkarte) (verloren|geklaut|gestohlen)",
        "es": r"(robado|robaron|perdido|perdi) (el|mi|los|nuestros?|la) (pasaportes?|cartera|bolso|dni|tarjetas?)",
        "fr": r"(voler?|perdu) (mon|notre|nos|mes|ma|le|la) (passeports?|portefeuille|sac|carte d'identite|cartes?)"
        r"|(mon|notre) (passeport|portefeuille|sac) a (ete vole|disparu)",
        "ar": "سُرق جواز|سرق جواز|فقدت جواز|ضاع جواز|سرقت محفظتي",
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
        r"|(und|mit) (dem |nem )?visum|visum (fur|beantragen|notig)|reisepass.{0,20}(gultig|abgelaufen|lauft)",
        "es": r"(necesit\w*|hace falta|hay que|sacar|pedir).{0,20}(?<!con )(la )?(visa|visado)\b(?! (card|electron))|(que|y el|y la|con) visado|requisitos de (entrada|visado)"
        r"|(visado|visa) para|pasaporte.{0,20}(vigen|caduc|valid)\w*",
        "fr": r"(faut|besoin|demander|obtenir).{0,20}visa|conditions d'entree|passeport.{0,20}(valable|valide|expire)",
        "ar": "تأشيرة|فيزا",
    },
    "safety": {
        "en": r"(is it|how) safe (is it )?to (travel|go|fly|visit|be)|is (it )?[\w ]{2,30} safe (right now|at the moment|for"
        r" (tourists|travell?ers|women|families)|to (visit|travel))|travel (warnings?|advisor(y|ies))|is it safe( there| here| over there)?(?= *\?? *$)|is (?!it |this |that |the |my |our |his |her )[a-z ]{3,25} safe(?= *\?? *$)",
        "de": r"(ist es|wie) (gerade |derzeit )?sicher,? (ist es,? )?(nach|in).{0,30}(zu )?(reisen|fliegen|fahren)"
        r"|reisewarnung(en)?|ist (es |das )?(da|dort|hier)( es)?( denn)? (sicher|gefahrlich)|ist [\w ]{2,30} (gerade |derzeit )?sicher fur (touristen|frauen|familien|reisende)",
        "es": r"es seguro (viajar|ir|volar|visitar)|es (un (sitio|lugar|pais) )?(seguro|peligroso) (alli|ahi|alla)|(alli|ahi) es (seguro|peligroso)"
        r"|es (muy )?(seguro|peligroso) (?!\w+[aei]r\b|que|asi|el|la|un)\w+(?=\W*$)|es peligroso(?=\W*$)|es [\w ]{2,30} seguro para (turistas|viajar|mujeres|familias)"
        r"|(recomendaciones|alertas?) de viaje",
        "fr": r"(est-ce|c'est|est-il) (sur|dangereux|prudent) (d'|de )(aller|voyager|partir|visiter)"
        r"|(est-ce|c'est|est-il) (tres |trop )?dangereux(?=\W*$)"
        r"|(est-ce|c'est|est-il) (pas )?(trop )?(sur|dangereux),? (la-bas|labas)"
        r"|conseils aux voyageurs",
        "ar": "هل السفر إلى|هل من الآمن|تحذير سفر|تحذيرات السفر",
    },
    "health": {
        "en": r"(which|what|any|need|get) (vaccin\w*|jabs?|immuni[sz]ations?)|vaccin\w+ (for|needed|required)"
        r"|malaria (pills?|tablets?|prophylaxis)|fly(ing)? (while |when )?pregnant|yellow fever"
        r"|(side effects|dosage) of|(have|has|got|with) a (high )?fever|what (should|can|do) (i|we|he|she) take (for|against)|travel with (insulin|medication|medicine)",
        "de": r"(welche|brauch\w*|notig\w*).{0,20}impfung(en)?|impfung(en)? (fur|notig)|und (ne )?(impfung(en)?|malaria)|malariaprophylaxe"
        r"|schwanger.{0,20}flieg\w*|flieg\w*.{0,20}schwanger|gelbfieber|nebenwirkung(en)?"
        r"|(medikamente|insulin).{0,20}(mitnehmen|flugzeug|zoll)",
        "es": r"(que|necesit\w*|hacen falta).{0,15}vacunas?|vacunas? para|y (las )?vacunas?|pastillas (contra|para) la malaria"
        r"|volar.{0,10}embarazada|fiebre amarilla|efectos secundarios|(insulina|medicamentos).{0,20}(avion|llevar|aduana)",
        "fr": r"(quels?|faut|besoin).{0,15}vaccins?|vaccins? (pour|obligatoires?)|et (des |les )?vaccins?|antipaludeen\w*|traitement.{0,10}paludisme"
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
        r"|du (bist )?(so )?(dumm|doof|blod|nutzlos|scheisse|dummes stuck|idiot)",
        "es": r"vete a la mierda|que te (jodan|den)|hij[oa] de puta|gilipollas|pendej[oa]|chinga(te| tu madre)"
        r"|eres (un |una )?(inutil|tont[oa]|estupid[oa]|idiota|mierda|imbecil)|callate",
        "fr": r"va te faire (foutre|voir)|ta gueule|connard|connasse|salope|encule|fils de pute"
        r"|(tu es|t'es) (vraiment )?(un |une )?(idiote?|nul(le)?|stupide|conne?)",
        "ar": "أنت غبي|أنت أحمق|اخرس|تبا لك",
    },
    "memory": {
        "en": r"(what|how much|anything).{0,12} (do |can |did )?(you|u) (still )?(remember|know|stored?|saved?|keep) (about|of|on) (me|us)"
        r"|(delete|forget|erase|remove) (all |everything )?(of |about )?(my (data|memor(y|ies))|what (you|u) (know|remember) (about|of) (me|us))"
        r"|forget (everything|all) (about|of) (me|us)|do you remember me",
        "de": r"was (weisst|merkst|speicherst) du (noch |alles )?(dir )?(uber|von) (mich|mir|uns)|erinnerst du dich an (mich|uns)|(losch\w*|vergiss)"
        r" (alles,? was du (uber|von) (mich|mir|uns) weisst|meine daten|alles (uber|von) (mich|mir))|was hast du (uber|von) (mich|mir) gespeichert",
        "es": r"que (sabes|recuerdas|guardas) (sobre|de) (mi|nosotros)|te acuerdas de (mi|nosotros)|(borra|elimina|olvida)"
        r" (todo lo que sabes (sobre|de) mi|mis datos|todo sobre mi)",
        "fr": r"(que|qu'est-ce que|ce que) (sais-tu|tu sais|savez-vous|vous savez|tu retiens|vous retenez) (sur|de) (moi|nous)"
        r"|(tu te souviens|vous souvenez-vous|vous vous souvenez) de (moi|nous)|(efface[rz]?|oublie[rz]?|supprime[rz]?) (mes donnees|tout sur moi"
        r"|tout ce que (tu sais|vous savez) (sur|de) moi)",
        "ar": "ماذا تعرف عني|ماذا تتذكر عني|احذف بياناتي|انس كل شيء عني",
    },
}
"""Regular expressions between word boundaries, folded (`hints.folded`); Arabic ones are plain words. In
this order: help comes first. Narrow on purpose: what they miss is read like everything else."""
